import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createProcessBackend } from "@berth/core/compute/process/backend";
import { procTable } from "@berth/core/compute/process/proc-table";
import { psTable } from "@berth/core/compute/process/ps-table";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { failure, useBench, textOf } from "../conformance/harness.js";
import { processHarness } from "./harness.js";
import { INSTALLATION } from "../../support/installations.js";

describe("process: what is ours and what isn't (I10)", () => {
  let dataDir = "";
  const use = useBench(async () => {
    const harness = await processHarness();
    ({ dataDir } = harness);
    return harness;
  });
  const instances = () => join(dataDir, "process", "conformance", "instances");

  test("a pid that was given to another process is never signalled", async () => {
    const { prepared, running, stateOf, backend, call } = use();
    const stranger = await bystander();
    const instance = await running(await prepared());
    expect(await backend.stop(instance, call)).toBe("gone");
    // The record of an instance that died, and whose pid the stranger has now.
    const record = join(instances(), `${instance.name}.1`);
    await mkdir(record);
    const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    const line = (await readFile(`/proc/${stranger.pid}/stat`, "utf8")).trim();
    const fields = line.split(" ");
    fields[21] = String(Number(fields[21]) - 1);
    await writeFile(
      join(record, "claim"),
      `${instance.resourceId} ${stranger.pid} proc ${boot} ${fields.join(" ")}\n`,
    );
    expect(await stateOf(instance)).toBe("stopped");
    expect(await backend.stop(instance, call)).toBe("gone");
    expect(stranger.exitCode).toBeNull();
    expect(stranger.signalCode).toBeNull();
    expect(await readFile(`/proc/${stranger.pid}/stat`, "utf8")).toContain("sleep");
  });

  test("another data directory with the same deployment id is another's", async () => {
    const { prepared, running, backend, call } = use();
    const instance = await running(await prepared());
    const elsewhere = createProcessBackend({
      dataDir: join(dataDir, "other"),
      deploymentId: "conformance",
      installationId: INSTALLATION,
    });
    expect(await elsewhere.listOwned(call)).toEqual([]);
    expect((await elsewhere.probe([instance], call)).get(instance.resourceId)).toBe("gone");
    expect(await elsewhere.stop(instance, call)).toBe("gone");
    expect((await backend.probe([instance], call)).get(instance.resourceId)).toBe("running");
  });

  test("a program gets nothing of Berth's own environment", async () => {
    const { prepared, request, backend, call } = use();
    vi.stubEnv("BERTH_SECRET", "hush");
    onTestFinished(() => void vi.unstubAllEnvs());
    const workspace = await prepared();
    const instance = workspace.instance();
    await backend.launch(request(workspace, instance, { command: ["env"], env: { MINE: "1" } }), call);
    const lines = async () => textOf(await backend.logs(instance, { ...call, tail: 100 })).split("\n");
    await expect.poll(lines).toContain("MINE=1");
    const keys = (await lines()).map((line) => line.split("=")[0]);
    // PWD is the shell's, and says where the program is.
    expect(keys.toSorted()).toEqual(["BERTH_INSTANCE", "HOME", "LANG", "MINE", "PATH", "PWD"]);
  });

  test("an environment that no system takes is a permanent failure, and leaves nothing", async () => {
    const { prepared, request, backend, call } = use();
    const workspace = await prepared();
    const env = { BIG: "x".repeat(4 * 2 ** 20) };
    const launch = backend.launch(request(workspace, workspace.instance(), { env }), call);
    await expect(launch).rejects.toThrow(failure("invalid_spec", "permanent"));
    expect((await backend.listOwned(call)).map(({ kind }) => kind)).toEqual(["volume"]);
  });

  test("a log that grows too long is shortened while its program goes on writing", async () => {
    const { prepared, running, stateOf, backend, call } = use();
    const script = "i=0; while :; do i=$((i+1)); printf '%0100000d\\n' $i; sleep 0.005; done";
    const instance = await running(await prepared(), 1, { command: ["sh", "-c", script] });
    const log = join(instances(), `${instance.name}.1`, "log");
    const size = async () => (await stat(log)).size;
    await vi.waitUntil(async () => (await size()) > 9 * 2 ** 20);
    expect(await stateOf(instance)).toBe("running");
    expect(await size()).toBeLessThan(4 * 2 ** 20);
    const tail = textOf(await backend.logs(instance, { ...call, tail: 3 }));
    expect(tail.trim().split("\n")).toHaveLength(3);
    const bytes = textOf(await backend.logs(instance, { ...call, tail: 10_000 })).length;
    expect(bytes).toBeGreaterThan(900_000);
    expect(bytes).toBeLessThanOrEqual(2 ** 20);
  });

  test("`ps` tells the same of a process as /proc does", async () => {
    const child = await bystander();
    const pid = child.pid as number;
    const tables = [procTable(), psTable()];
    for (const table of tables) {
      const found = (await table.find([pid, 2 ** 22 + 1])).get(pid);
      expect(found).toMatchObject({ pid, group: pid });
      const again = (await table.all()).find((entry) => entry.pid === pid);
      expect(again?.start).toBe(found?.start);
      expect(await table.argumentsOf(pid)).toMatch(/sleep.3600/);
      expect(await table.find([2 ** 22 + 1])).toEqual(new Map());
    }
    child.kill("SIGKILL");
    await once(child, "exit");
    for (const table of tables) {
      expect(await table.find([pid])).toEqual(new Map());
      expect(await table.argumentsOf(pid)).toBeNull();
    }
  });

  /** A process that has nothing to do with Berth, and leads a group. */
  async function bystander(): Promise<ChildProcess> {
    const child = spawn("sleep", ["3600"], { detached: true, stdio: "ignore" });
    await once(child, "spawn");
    onTestFinished(() => void child.kill("SIGKILL"));
    return child;
  }
});
