import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KEY, startTestApi, type TestApi } from "../api/api.js";
import { command } from "./berth.js";

let api: TestApi;
let home: string;
beforeAll(async () => {
  [api, home] = await Promise.all([startTestApi(null), mkdtemp(join(tmpdir(), "berth-cli-"))]);
});
afterAll(async () => {
  await api.close();
  await rm(home, { recursive: true });
});
const berth = (args: string[], around: { stdin?: string; env?: Record<string, string>; cwd?: string } = {}) =>
  command(args, { ...around, env: { XDG_CONFIG_HOME: home, ...around.env } });

describe("berth login", () => {
  it("keeps an address and its key, once Berth has taken it, where nobody else may read them", async () => {
    expect(await berth(["login", api.url], { stdin: "wrong-key-that-nobody-has\n" })).toMatchObject({
      code: 5,
    });
    expect((await berth(["contexts"])).stdout).toBe("");
    expect(await berth(["login", `${api.url}/`, "--name", "here"], { stdin: `${KEY}\n` })).toMatchObject({
      code: 0,
    });
    expect((await stat(join(home, "berth/contexts.json"))).mode & 0o777).toBe(0o600);
    expect(await berth(["ls"])).toMatchObject({ code: 0 });
    expect((await berth(["contexts"])).stdout).toMatch(/^ +NAME +URL\n\* +here +http/);
  });

  it("has several, of which one is in use; what the environment says goes before it, --context before that", async () => {
    await berth(["login", api.url, "--name", "there"], { stdin: KEY });
    expect((await berth(["contexts", "-o", "name"])).stdout).toBe("here\nthere\n");
    expect(await berth(["use", "here"])).toMatchObject({ code: 0 });
    expect(await berth(["use", "nowhere"])).toMatchObject({ code: 3 });
    const env = { BERTH_URL: "http://127.0.0.1:1", BERTH_KEY: "none" };
    expect(await berth(["ls", "-q"], { env })).toMatchObject({ code: 6 });
    expect(await berth(["ls", "--context", "there"], { env })).toMatchObject({ code: 0 });
    expect(await berth(["ls"], { env: { BERTH_CONTEXT: "nowhere" } })).toMatchObject({ code: 3 });
    expect(await berth(["logout"])).toMatchObject({ code: 0, stdout: "here is forgotten.\n" });
    expect(await berth(["ls"])).toMatchObject({ code: 5 });
    expect(await berth(["logout", "there"])).toMatchObject({ code: 0 });
  });
});

describe("in a directory where Berth was started", () => {
  it("Berth is found at the port that it has", async () => {
    const cwd = await mkdtemp(join(home, "started-"));
    await mkdir(join(cwd, ".berth"));
    await writeFile(join(cwd, ".berth/keys.env"), `BERTH_ADMIN_KEY=${KEY}\n`);
    await writeFile(join(cwd, ".berth/url"), `${api.url}\n`);
    expect(await berth(["ls"], { cwd })).toMatchObject({ code: 0 });
    await writeFile(join(cwd, ".berth/url"), "http://berth.example\n");
    expect(await berth(["ls"], { cwd }), "its key is for this machine alone").toMatchObject({ code: 5 });
  });
});
