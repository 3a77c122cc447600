import { randomUUID } from "node:crypto";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWire } from "../client/wire.js";
import { command, startStage, type Stage } from "./berth.js";

let stage: Stage;
let berth: Stage["berth"];
let json: Stage["json"];
beforeAll(async () => {
  stage = await startStage();
  ({ berth, json } = stage);
});
afterAll(() => stage.close());

/** What no answer shows. */
const envOf = async (id: string) =>
  (await stage.api.pool.query("select spec -> 'env' as env from workspaces where id = $1", [id])).rows[0].env;
const newName = () => `w-${randomUUID().slice(0, 8)}`;
const RUNS = ["--readiness", "running", "--", "sleep", "60"];
const running = async (...options: string[]): Promise<string> => {
  const name = newName();
  expect(await berth("create", name, ...options, ...RUNS)).toMatchObject({ code: 0 });
  return name;
};

describe("a workspace", () => {
  it("is created, looked at, restarted, suspended, woken and deleted by its name", async () => {
    const name = newName();
    const created = await berth("create", name, "-l", "team:red", "-e", "A=1", "--env", "B=x=y", ...RUNS);
    expect(created).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(`^${name} is online: [0-9a-f-]{36}\n$`),
    });
    expect(await json("get", name)).toMatchObject({
      status: "online",
      labels: { team: "red" },
      spec: { command: ["sleep", "60"], env: { A: { hidden: true }, B: { hidden: true } } },
    });
    expect(await envOf((await json("get", name)).id)).toEqual({ A: "1", B: "x=y" });
    for (const [verb, status] of [
      ["restart", "online"],
      ["pause", "paused"],
      ["resume", "online"],
      ["hibernate", "hibernated"],
      ["wake", "online"],
      ["rm", "removed"],
    ] as const)
      expect(await berth(verb, name)).toMatchObject({ code: 0, stdout: `${name} is ${status}\n` });
    const { stdout } = await berth("get", name, "--resources");
    expect(stdout).toMatch(/^status +removed$/m);
    expect(stdout).toMatch(/^instance +gone /m);
    expect(stdout).not.toMatch(/ present | releasing /);
    expect(await json("why", name)).toMatchObject({ status: "removed", obligations: [] });
  });

  it("may be meant by its id, and must be where two have one name", async () => {
    const name = await running();
    const { id } = await json("get", name);
    expect((await berth("why", id)).stdout).toContain("where it should be");
    await berth("create", name, ...RUNS);
    const { code, stderr } = await berth("restart", name);
    expect(code).toBe(2);
    expect(stderr).toMatch(new RegExp(`^berth: 2 workspaces are named ${name}; use an id: .*${id}`));
  });

  it("has its spec from a file or from standard input, and options over it", async () => {
    const directory = await mkdtemp(join(tmpdir(), "cli-"));
    const spec = JSON.stringify({ command: ["x"], cpus: 2, env: { A: "1", B: "2" }, readiness: "running" });
    await writeFile(join(directory, "spec.json"), spec);
    const around = { env: stage.env, cwd: directory, stdin: spec };
    for (const file of ["spec.json", "-"]) {
      const args = ["create", newName(), "--spec", file, "--env", "B=3", "--json"];
      const { stdout } = await command(args, around);
      const { id, spec: shown } = JSON.parse(stdout);
      expect(shown).toEqual({
        command: ["x"],
        cpus: 2,
        env: { A: { hidden: true }, B: { hidden: true } },
        readiness: "running",
      });
      expect(await envOf(id)).toEqual({ A: "1", B: "3" });
      await command(["set", id, "--env", "C=4", "--unset-env", "A", "--env-from", "D=file:x"], around);
      expect(await envOf(id)).toEqual({ B: "3", C: "4", D: { secretRef: { file: "x" } } });
      for (const from of ["E=ssm:/a", "E=secretsmanager:a"])
        expect((await command(["set", id, "--env-from", from], around)).stderr).toMatch(
          /spec\.env\.E: .*"ec2" only/,
        );
    }
    expect(await command(["create", "x", "--spec", "none.json"], around)).toMatchObject({
      code: 2,
      stderr: "berth: --spec none.json: can't be read (ENOENT)\n",
    });
  });

  it("expires, hibernates and is called as it is told, and is labelled without losing other labels", async () => {
    const name = await running("--label", "a:1", "--label", "b:2", "--ttl", "2h", "--hibernate-after", "30m");
    const made = await json("get", name);
    expect(made.hibernate_after_minutes).toBe(30);
    expect(Date.parse(made.expires_at) - Date.now()).toBeGreaterThan(7_100_000);
    expect((await berth("label", name, "b-", "c=x:y")).stdout).toBe(`${name} has a:1 c:x:y\n`);
    const other = newName();
    expect(
      await berth("set", name, "--name", other, "--ttl", "never", "--hibernate-after", "never"),
    ).toMatchObject({
      stdout: `${other} is changed: name, expires_at, hibernate_after_minutes\n`,
    });
    expect(await json("get", other)).toMatchObject({
      expires_at: null,
      hibernate_after_minutes: null,
      labels: { a: "1", c: "x:y" },
    });
    expect((await berth("set", other, "--tier", "2")).stdout).toContain(
      `to apply its spec: berth restart ${other}`,
    );
    expect((await json("get", other)).spec).toMatchObject({ command: ["sleep", "60"], tier: 2 });
  });

  it("isn't waited for where that isn't wanted, and can be waited for later (I11)", async () => {
    const name = newName();
    const { operation } = await json("create", name, "--no-wait", ...RUNS);
    expect(["queued", "running"]).toContain(operation.state);
    expect(await berth("wait", name)).toMatchObject({ code: 0, stdout: `${name} is online\n` });
    const { stdout } = await berth("pause", name, "--no-wait");
    expect(stdout).toMatch(new RegExp(`^${name} is \\w+; pause accepted: [0-9a-f-]{36}\n$`));
    expect(await berth("wait", name, "--for", "paused,hibernated")).toMatchObject({ code: 0 });
  });

  it("with children is deleted with them, once that is said", async () => {
    const parent = await running();
    const child = await running("--parent", parent);
    expect(await berth("rm", parent)).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^berth: .*; add --cascade to delete them too\n$/),
    });
    expect((await json("ls", "--parent", parent)).map((one: { name: string }) => one.name)).toEqual([child]);
    expect(await berth("rm", parent, "--cascade")).toMatchObject({ code: 0 });
    expect(await json("ls", "--all", "--parent", child)).toEqual([]);
    expect(await json("get", child)).toMatchObject({ status: "removed" });
  });

  it("shows the token of an agent that runs elsewhere", async () => {
    const name = newName();
    const { stdout } = await berth("create", name, "--backend", "external");
    expect(stdout).toMatch(/^Its agent's token, shown only now: \S+\n/);
  });
});

describe("lists", () => {
  it("are tables in columns for people, and arrays for programs", async () => {
    const label = `list:${newName()}`;
    const names = [await running("-l", label), await running("-l", label, "-l", "x:1")];
    const { stdout } = await berth("ls", "--label", label);
    const [head, ...rows] = stdout.trimEnd().split("\n");
    expect(head).toMatch(/^NAME +STATUS +PLACE +GEN +LABELS +CREATED +ID$/);
    expect(rows.map((row) => row.split(/ {2,}/)[0])).toEqual(names);
    const at = head!.indexOf("STATUS");
    for (const row of rows) expect(row.slice(at, at + 6)).toBe("online");
    expect(rows[1]).toMatch(/ \d+s ago +[0-9a-f-]{36}$/);
    const found = await json("ls", "--label", label, "--status", "online,failed", "--backend", "process");
    expect(found.map((one: { name: string }) => one.name)).toEqual(names);
    const limited = await berth("ls", "--label", label, "--limit", "1");
    expect(limited.stdout.trimEnd().split("\n")).toHaveLength(2);
    expect(limited.stderr).toBe("There are more: --limit 10 shows up to 10.\n");
  });

  it("say so on standard error where there is nothing, so that nothing is piped on", async () => {
    expect(await berth("ls", "--label", "no:such")).toEqual({
      code: 0,
      stdout: "",
      stderr: "There are none. Make one: berth create --help\n",
    });
    expect(await berth("leaks")).toEqual({ code: 0, stdout: "", stderr: "Nothing is leaked.\n" });
    expect((await command(["leaks", "--quiet"], { env: stage.env })).stderr).toBe("");
  });

  it("have colours only on a terminal, and not with NO_COLOR", async () => {
    await running();
    const on = (env: Record<string, string>, tty: boolean) =>
      command(["ls"], { env: { ...stage.env, ...env }, tty });
    expect((await on({}, true)).stdout).toContain("\u001b[32monline");
    expect((await on({ NO_COLOR: "1" }, true)).stdout).not.toContain("\u001b");
    expect((await on({}, false)).stdout).not.toContain("\u001b");
  });

  it("let nobody's text steer the terminal", async () => {
    await stage.api.pool.query("update workspaces set status_reason = $1", ["\u001b]0;owned\u0007\nx"]);
    const [{ id }] = await json("ls", "-n", "1");
    const { stdout } = await berth("get", id);
    expect(stdout).toMatch(/^reason +]0;owned x$/m);
  });
});

describe("operations", () => {
  it("are listed with names, filtered, shown, cancelled and retried", async () => {
    const name = await running();
    stage.backend.faults.failBefore = 1;
    const failed = await berth("restart", name);
    stage.backend.faults.failBefore = 0;
    expect(failed.code).toBe(1);
    const [, id] = /try again: berth ops retry (\S+)\n$/.exec(failed.stderr)!;
    const { stdout } = await berth("ops", "--workspace", name, "--state", "failed");
    expect(stdout).toMatch(new RegExp(`^${name} +restart +failed +\\d/\\d .* ${id}$`, "m"));
    expect((await berth("ops", "--kind", "provision", "--limit", "1000")).stdout).toContain(`${name} `);
    expect((await berth("ops", "get", id!)).stdout).toMatch(/^error +\w+: /m);
    const again = await berth("ops", "retry", id!);
    expect(again).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(`^the restart of ${name} is succeeded`),
    });
    Object.assign(stage.backend.faults, { latencyMs: 1_000, random: () => 1 });
    await berth("restart", name, "--no-wait");
    const { operations } = await json("pause", name, "--no-wait");
    expect(await berth("ops", "cancel", operations[0].id)).toMatchObject({
      code: 0,
      stdout: `the pause is cancelled: ${operations[0].id}\n`,
    });
    const [, begun] = await json("ops", "-w", name, "--kind", "restart,pause");
    expect((await berth("ops", "cancel", begun.id)).stdout).toBe(`the restart is cancelled: ${begun.id}\n`);
    Object.assign(stage.backend.faults, { latencyMs: 0, random: Math.random });
    expect(await berth("ops", "cancel", id!)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(`see: berth ops get ${id}`),
    });
  });

  it("of many at once are tried out first, carried out, and told one by one where they are refused", async () => {
    const label = `bulk:${newName()}`;
    const names = [await running("-l", label), await running("-l", label), await running("-l", label)];
    await berth("pause", names[0]!);
    const tried = await berth("ops", "bulk", "pause", "--label", label, "--dry-run");
    expect(tried.code).toBe(0);
    expect(tried.stdout).toMatch(/^pause would be accepted for 2 of 3\n/);
    expect(tried.stdout).toMatch(new RegExp(`^${names[0]} +illegal_transition +`, "m"));
    expect((await json("ls", "--label", label, "--status", "online")).length).toBe(2);
    const done = await berth("ops", "bulk", "pause", "--label", label);
    expect(done.code).toBe(4);
    expect(done.stdout).toMatch(/^pause of 3: 1 refused, 2 succeeded: /);
    expect(done.stderr).toMatch(/berth: 1 of the pauses were refused\n$/);
    expect(await berth("ops", "bulk", "delete", ...names)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^delete of 3: 3 succeeded: /),
    });
    expect(await json("ls", "--label", label)).toEqual([]);
    expect(await berth("ops", "bulk", "delete")).toMatchObject({ code: 2 });
    const { id } = JSON.parse((await berth("--json", "ops", "bulk", "pause", "--label", label)).stdout);
    expect((await berth("ops", "get", id)).stdout).toBe(`pause of 0: nothing to do: ${id}\n`);
    expect(await berth("ops", "bulk", "delete", names[0]!, "--label", label)).toMatchObject({ code: 2 });
  });
});

describe("what happens", () => {
  it("is shown of the last while, and followed from there on, each event once", async () => {
    const name = await running();
    const shown = await berth("events", "--workspace", name);
    expect(shown.stdout).toMatch(new RegExp(`^\\S+Z  workspace.provisioning  ${name}  `));
    const leave = new AbortController();
    let text = "";
    const following = command(["events", "-f", "--since", "10m", "-w", name, "--json"], {
      env: stage.env,
      signal: leave.signal,
      onOutput: (piece) => (text += piece),
    });
    const types = () =>
      text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line).event_type as string);
    await expect.poll(types).toContain("workspace.online");
    await berth("pause", name);
    await expect.poll(types).toContain("workspace.paused");
    leave.abort();
    expect((await following).code).toBe(130);
    const ids = text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line).id as number);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("between the last of them and the stream isn't lost either", async () => {
    const name = await running();
    await using wire = await startWire(stage.api.url);
    wire.before = async (request) => {
      if (request.startsWith("GET /events/stream")) await berth("label", name, "between:1");
    };
    const leave = new AbortController();
    let text = "";
    const following = command(["events", "-f", "--since", "10m", "-w", name, "--json"], {
      env: { ...stage.env, BERTH_URL: wire.url },
      signal: leave.signal,
      onOutput: (piece) => (text += piece),
    });
    await expect.poll(() => text).toContain('"event_type":"workspace.updated"');
    leave.abort();
    await following;
  });

  it("is what a workspace writes, followed to its removal", async () => {
    const written = ["one"];
    stage.backend.faults.onLogs = (_, { since }) => ({
      lines: written
        .slice(Number(since ?? 0))
        .map((text) => ({ stream: "stdout", time: "2026-11-21T09:30:04Z", text })),
      cursor: String(written.length),
      truncated: false,
    });
    const name = await running();
    expect((await berth("logs", name, "-t")).stdout).toBe("2026-11-21T09:30:04Z one\n");
    written[0] = "\u001b[31mone";
    const shown = async (...options: string[]) =>
      (await command(["logs", name, ...options], { env: stage.env, tty: true })).stdout;
    expect([await shown(), await shown("--raw")]).toEqual(["\u241b[31mone\n", "\u001b[31mone\n"]);
    written[0] = "one";
    let text = "";
    const following = command(["logs", "-f", name], { env: stage.env, onOutput: (piece) => (text += piece) });
    await expect.poll(() => text).toBe("one\n");
    written.push("two");
    await expect.poll(() => text).toBe("one\ntwo\n");
    await berth("rm", name);
    expect(await following).toEqual({ code: 0, stdout: "one\ntwo\n", stderr: "" });
  });

  it("is shown while a command waits, on standard error: a line that changes on a terminal", async () => {
    stage.backend.faults.latencyMs = 3_000;
    stage.backend.faults.random = () => 1;
    const name = newName();
    const args = ["create", name, ...RUNS];
    const [plain, terminal, quiet] = await Promise.all([
      command(args, { env: stage.env }),
      command(args, { env: stage.env, tty: true }),
      command(["-q", ...args], { env: stage.env }),
    ]);
    Object.assign(stage.backend.faults, { latencyMs: 0, random: Math.random });
    expect(plain.stderr).toMatch(new RegExp(`^${name}: provision running at \\w+$`, "m"));
    expect(terminal.stderr).toContain(`\r\u001b[K${name}: provision running at `);
    expect(terminal.stderr.endsWith("\r\u001b[K"), "it is taken away").toBe(true);
    expect(quiet.stderr).toBe("");
    for (const { code, stdout } of [plain, terminal, quiet])
      expect({ code, stdout }).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(`${name} is online`),
      });
  });
});

describe("the fleet", () => {
  it("has quotas", async () => {
    expect((await berth("quotas", "set", "tier:x y", "1")).stdout).toBe("of tier:x y 1 may run; 0 do\n");
    const name = await running("-l", "tier:x y");
    const refused = await berth("create", newName(), "-l", "tier:x y", ...RUNS);
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining("berth ls --label tier:x y") });
    expect((await berth("quotas")).stdout).toMatch(/^tier:x y +1 +1 +admin /m);
    expect((await berth("quotas", "get", "tier:x y")).stdout).toMatch(/^running +1 of 1$/m);
    expect((await berth("quotas", "rm", "tier:x y")).stdout).toBe("the quota of tier:x y is gone\n");
    await berth("rm", name);
  });

  it("has keys, of which only the key itself goes to standard output", async () => {
    const name = `ci-${newName()}`;
    const { stdout } = await berth("keys", "create", name, "--scope", "viewer", "--ttl", "30d");
    expect(stdout).toMatch(/^berth_v_\S+\n$/);
    const env = { ...stage.env, BERTH_KEY: stdout.trim() };
    expect(await command(["ls"], { env })).toMatchObject({ code: 0 });
    const forbidden = await command(["rm", "x"], { env });
    expect(forbidden.code).toBe(3);
    const [one] = await json("ls", "-n", "1");
    expect(await command(["restart", one.id], { env })).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/; use a key of scope operator\n$/),
    });
    expect((await berth("keys")).stdout).toMatch(new RegExp(`^${name} +viewer .* in 29d `, "m"));
    expect((await berth("keys", "revoke", name)).stdout).toBe(`${name} is revoked\n`);
    expect(await command(["ls"], { env })).toMatchObject({ code: 5 });
    expect((await berth("keys")).stdout).not.toContain(name);
    expect((await berth("keys", "--all")).stdout).toContain(name);
    expect(await berth("keys", "revoke", name)).toMatchObject({ code: 3 });
  });

  it("has sweeps, which run, tell what they would do, pause and resume", async () => {
    expect((await berth("sweeps")).stdout).toMatch(/^dispatch +\w+ /m);
    expect((await berth("sweeps", "run", "dispatch", "--dry-run")).stdout).toMatch(
      /^dispatch looked at \d+ and would do \d+ acts/,
    );
    expect(await berth("sweeps", "run", "dispatch")).toMatchObject({ code: 0 });
    expect((await berth("sweeps", "pause", "expiry")).stdout).toBe("expiry is paused\n");
    expect((await berth("sweeps")).stdout).toMatch(/^expiry +paused /m);
    expect(await berth("sweeps", "run", "expiry")).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("first: berth sweeps resume expiry"),
    });
    expect((await berth("sweeps", "resume", "expiry")).stdout).toBe("expiry runs again\n");
    expect(await berth("sweeps", "approve", "expiry")).toMatchObject({ code: 4 });
    expect(await berth("sweeps", "run", "nothing")).toMatchObject({ code: 3 });
  });

  it("has leaks, which are retried and released", async () => {
    const name = await running();
    stage.backend.faults.failBefore = 1;
    expect((await berth("rm", name)).code).toBe(1);
    stage.backend.faults.failBefore = 0;
    const [leak] = await json("leaks");
    expect(leak).toMatchObject({ kind: "instance", source: "obligation" });
    expect((await berth("leaks")).stdout).toMatch(new RegExp(`^instance +process .* ${leak.id}$`, "m"));
    expect((await berth("why", name)).stdout).toMatch(/^still there +instance /m);
    expect(await berth("leaks", "release", leak.id)).toMatchObject({ code: 2 });
    expect((await berth("leaks", "release", leak.id, "--reason", "by hand")).stdout).toContain(
      "is off the list",
    );
    expect(await berth("leaks", "retry", leak.id)).toMatchObject({ code: 3 });
  });
});
