import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { KEY } from "../api/api.js";
import { command, type Said, startStage, type Stage } from "./berth.js";

let stage: Stage;
let berth: Stage["berth"];
beforeAll(async () => {
  stage = await startStage();
  ({ berth } = stage);
});
afterAll(() => stage.close());

const RUNS = ["--readiness", "running", "--", "sleep", "60"];
const NOBODY = "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f";
/** It ends so, with one line that says why and what to do. */
const expectRefusal = (said: Said, code: number, line: RegExp): void => {
  expect(said).toMatchObject({ code, stdout: "" });
  expect(said.stderr).toMatch(/^berth: [^\n]+\n$/);
  expect(said.stderr).toMatch(line);
};

describe("a command ends with", () => {
  it("1 when its operation failed, or was cancelled", async () => {
    await berth("create", "fails", ...RUNS);
    stage.backend.faults.failBefore = 1;
    const failed = await berth("restart", "fails");
    stage.backend.faults.failBefore = 0;
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(
      /^berth: the restart of fails failed: \w+: .*; try again: berth ops retry \S+\n$/m,
    );
    stage.backend.faults.failBefore = 1;
    expect((await berth("create", "never", ...RUNS)).code).toBe(1);
    stage.backend.faults.failBefore = 0;
    const waited = await berth("wait", "never");
    expectRefusal(waited, 1, /never is failed: .*; see: berth why/);
  });

  it("1 when its volume has vanished, and goes on with an empty one only where that is asked for", async () => {
    const { id } = await stage.json("create", "holed", ...RUNS);
    const things = () =>
      stage.api.pool.query(
        "select from provider_things where workspace_id = $1 and kind = 'volume' and removed_at is null",
        [id],
      );
    const vanish = () =>
      stage.api.pool.query(
        "update provider_things set removed_at = now() where workspace_id = $1 and kind = 'volume'",
        [id],
      );
    for (const again of ["restart", "resume", "wake"]) {
      if (again !== "restart") await berth(again === "wake" ? "hibernate" : "pause", "holed");
      await vanish();
      const failed = await berth(again, "holed");
      expect(failed).toMatchObject({ code: 1 });
      expect(failed.stderr).toMatch(/volume_missing: volume ws-\S+ .* is not there any more/);
      expect((await things()).rowCount, "nothing is made in its place").toBe(0);
      const asked = await stage.api.call("POST", `/workspaces/${id}/restart?new_volume=maybe`);
      expect(asked).toMatchObject({ status: 400, body: { errors: [{ field: "new_volume" }] } });
      if (again === "restart")
        expect(await berth("restart", "holed", "--new-volume")).toMatchObject({ code: 0 });
      else {
        // What has failed to resume is started by a restart.
        const done = await stage.api.call("POST", `/workspaces/${id}/restart?new_volume=true`, {
          headers: { prefer: "wait=60" },
        });
        expect(done).toMatchObject({
          status: 200,
          body: { status: "online", operation: { state: "succeeded" } },
        });
      }
      expect((await things()).rowCount).toBe(1);
    }
    await berth("pause", "holed");
    await vanish();
    expect(await berth("resume", "holed", "--new-volume")).toMatchObject({ code: 0 });
    await berth("hibernate", "holed");
    await vanish();
    expect(await berth("wake", "holed", "--new-volume")).toMatchObject({ code: 0 });
  });

  it("1 when some of a tree failed, naming each, and one operation tells of all", async () => {
    await berth("create", "tree", ...RUNS);
    for (const name of ["leaf-1", "leaf-2"]) await berth("create", name, "--parent", "tree", ...RUNS);
    stage.backend.faults.failBefore = 1;
    const failed = await berth("rm", "tree", "--cascade");
    stage.backend.faults.failBefore = 0;
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(
      /^berth: the delete of tree failed: .*; 3 of 3 failed, of workspaces \S+, \S+, \S+\n$/m,
    );
    const id = /berth ops retry (\S+);/.exec(failed.stderr)![1]!;
    const { stdout } = await berth("ops", "get", id);
    expect(stdout).toMatch(/^descendants' +2 failed$/m);
    expect(stdout.match(/^amiss .*failed: /gm)).toHaveLength(2);
  });

  it("2 when it makes no sense, and says what was probably meant", async () => {
    expectRefusal(await berth("lss"), 2, /unknown command 'lss' \(Did you mean ls\?\); see: berth --help/);
    expectRefusal(
      await berth("ls", "--labl", "a:b"),
      2,
      /unknown option '--labl' \(Did you mean --label\?\)/,
    );
    expectRefusal(await berth("ls", "--status", "onlin"), 2, /got onlin \(did you mean online\?\); known: /);
    expectRefusal(await berth("restart"), 2, /missing required argument 'workspace'/);
    expectRefusal(await berth("ls", "--limit", "0"), 2, /Expected a whole number from 1 on/);
    expectRefusal(await berth("create", "x", "--ttl", "soon"), 2, /Expected a time such as 90s, 2h or /);
    expectRefusal(await berth("create", "x", "--hibernate-after", "2w"), 2, /Expected a time such as 90s/);
    expectRefusal(
      await berth("create", "x", "--backend", "dcoker"),
      2,
      /Allowed choices are docker, process/,
    );
    expectRefusal(await berth("label", "x", "team"), 2, /Expected name:value, or name- /);
    expectRefusal(await berth("keys", "create", "x"), 2, /required option '--scope <scope>' not specified/);
    // What only Berth can tell.
    expectRefusal(await berth("create", " ", ...RUNS), 2, /name: expected 1 to 128 characters/);
    expectRefusal(await berth("events", "--type", "workspace.onlin"), 2, /did you mean workspace\.online\?/);
    expectRefusal(
      await berth("events", "-f", "--type", "workspace.onlin"),
      2,
      /did you mean workspace\.online/,
    );
    expectRefusal(
      await berth("webhooks", "create", "https://example.com", "--type", "webhook.pong"),
      2,
      /did you mean webhook\.ping\?/,
    );
    expectRefusal(await berth("set", NOBODY), 3, /there is no workspace/);
  });

  it("3 when there is no such thing", async () => {
    expectRefusal(await berth("get", "nobody"), 3, /there is no workspace nobody; see: berth ls --all/);
    expectRefusal(await berth("get", NOBODY), 3, /; see: berth ls --all/);
    expectRefusal(await berth("ops", "get", NOBODY), 3, /; see: berth ops/);
    expectRefusal(await berth("quotas", "get", "no:such"), 3, /; see: berth quotas/);
  });

  it("4 when it is refused as things are", async () => {
    await berth("create", "runs", ...RUNS);
    expectRefusal(
      await berth("resume", "runs"),
      4,
      /can't be asked to resume.*; see: berth why [0-9a-f-]{36}\n/,
    );
  });

  it("5 without a key that may do it", async () => {
    const { BERTH_URL } = stage.env as { BERTH_URL: string };
    const without = await command(["ls"], { env: { BERTH_URL } });
    expectRefusal(
      without,
      5,
      /no key for http:\S+; set BERTH_KEY, log in \(berth login http:\S+\), or run this where "berth up" keeps its key/,
    );
    const wrong = await command(["ls"], { env: { BERTH_URL, BERTH_KEY: "wrong-0123456789-0123" } });
    expectRefusal(wrong, 5, /; set BERTH_KEY to a key that is valid/);
  });

  it("6 where Berth doesn't answer, having said that it tries again", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.close();
    await once(server, "close");
    const { code, stderr } = await command(["ls"], { env: { BERTH_URL: url, BERTH_KEY: KEY } });
    expect(code).toBe(6);
    const lines = stderr.trimEnd().split("\n");
    expect(lines[0]).toBe(`Berth doesn't answer at ${url}: ECONNREFUSED; trying again in 1s`);
    expect(lines.at(-1)).toBe(
      `berth: Berth doesn't answer at ${url}: ECONNREFUSED; start Berth with "berth up", or set BERTH_URL to where it answers`,
    );
    const page = createServer((_, response) => void response.end("<h1>It works!</h1>")).listen(
      0,
      "127.0.0.1",
    );
    await once(page, "listening");
    onTestFinished(() => void page.close());
    const other = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
    const said = await command(["ls"], { env: { BERTH_URL: other, BERTH_KEY: KEY } });
    expectRefusal(said, 6, /something that isn't Berth answers at .*; set BERTH_URL to where Berth answers/);
    const none = await command(["ls"], { env: { BERTH_URL: "localhost:8080", BERTH_KEY: KEY } });
    expectRefusal(none, 2, /BERTH_URL: got "localhost:8080", expected an address such as http/);
  });

  it("7 when it isn't done in time, and 130 when it is interrupted; the operation goes on (I11)", async () => {
    Object.assign(stage.backend.faults, { latencyMs: 1_500, random: () => 1 });
    const late = await berth("create", "slow", "--timeout", "1s", ...RUNS);
    expect(late.code).toBe(7);
    expect(late.stderr).toMatch(
      /^berth: the provision hasn't ended within 1s; it goes on: berth ops get \S+\n$/m,
    );
    const unknown = await berth("wait", "slow", "--timeout", "1s");
    expect(unknown.code).toBe(7);
    expect(unknown.stderr).toMatch(
      /^berth: slow isn't online within 1s: it is provisioning; see: berth why /m,
    );
    const { CliError } = await import("../../apps/cli/src/exit.js");
    const leave = new AbortController();
    const left = await command(["create", "left", ...RUNS], {
      env: stage.env,
      signal: leave.signal,
      onOutput: () => leave.abort(new CliError(130, "")),
    });
    expect(left.code).toBe(130);
    expect(left.stderr).toMatch(
      /^berth: the provision isn't waited for any more; it goes on: berth ops get \S+\n$/m,
    );
    Object.assign(stage.backend.faults, { latencyMs: 0, random: Math.random });
    for (const name of ["slow", "left"]) expect(await berth("wait", name)).toMatchObject({ code: 0 });
  });
});

describe("the key that is kept", () => {
  it("is that of the data directory here, for a Berth on this machine and no other", async () => {
    const cwd = await mkdtemp(join(tmpdir(), "cli-"));
    await mkdir(join(cwd, ".berth"));
    await writeFile(join(cwd, ".berth/keys.env"), `BERTH_SECRET=x\nBERTH_ADMIN_KEY=${KEY}\n`);
    const { BERTH_URL } = stage.env as { BERTH_URL: string };
    expect(await command(["ls"], { env: { BERTH_URL }, cwd })).toMatchObject({ code: 0 });
    const elsewhere = await command(["ls"], { env: { BERTH_URL: "http://berth.example" }, cwd });
    expectRefusal(elsewhere, 5, /no key for http:\/\/berth.example/);
  });
});
