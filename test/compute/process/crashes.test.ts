import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { InstanceRef, LaunchRequest } from "@berth/core/compute/backend";
import { type Claim, readClaim, removeRecord } from "@berth/core/compute/process/claim";
import { openPlaces, recordOf } from "@berth/core/compute/process/places";
import { describe, expect, test } from "vitest";
import { startProcess } from "../../support/worker-process.js";
import { useBench, textOf } from "../conformance/harness.js";
import { markedProcesses } from "./marked-processes.js";
import { pidOf, processHarness } from "./harness.js";
import { INSTALLATION } from "../../support/installations.js";

const ENTRY = new URL("../launch-once.ts", import.meta.url);

describe("process: workers that crash, freeze and lose files", () => {
  let dataDir = "";
  const use = useBench(async () => {
    const harness = await processHarness();
    ({ dataDir } = harness);
    return harness;
  });
  const deploymentId = "conformance";
  const pathOf = (instance: InstanceRef) =>
    join(dataDir, "process", deploymentId, "instances", recordOf(instance));
  const startWorker = async (request: LaunchRequest) => {
    const worker = startProcess(ENTRY, {}, [JSON.stringify({ dataDir, deploymentId, request })]);
    await worker.said(/ready/);
    return worker;
  };

  test("a worker killed at any moment of a launch leaves at most one process, and the next launch has it", async () => {
    const { prepared, request, stateOf, backend, call } = use();
    for (const afterMs of [0, 1, 2, 4, 8, 16]) {
      const workspace = await prepared();
      const instance = workspace.instance();
      await using worker = await startWorker(request(workspace, instance));
      worker.send("go");
      await worker.said(/launching/);
      // Where in the launch this hits is left to chance: no moment may matter.
      await delay(afterMs);
      await worker.kill();
      const { providerId } = await backend.launch(request(workspace, instance), call);
      expect(await stateOf({ ...instance, providerId })).toBe("running");
      await expect.poll(() => markedProcesses(instance)).toHaveLength(1);
      expect(await backend.stop(instance, call)).toBe("gone");
      expect(markedProcesses(instance)).toEqual([]);
    }
  });

  test("an instance outlives the worker that launched it, and another one ends it", async () => {
    const { prepared, request, stateOf, backend, call } = use();
    const workspace = await prepared();
    const instance = workspace.instance();
    await using worker = await startWorker(request(workspace, instance));
    worker.send("go");
    await worker.said(/launched/);
    await worker.kill();
    expect(await stateOf(instance)).toBe("running");
    expect(await backend.stop(instance, call)).toBe("gone");
  });

  test("an instance whose dead process a frozen worker doesn't reap is gone all the same", async () => {
    const { prepared, request, stateOf, backend, call } = use();
    const workspace = await prepared();
    const instance = workspace.instance();
    await using worker = await startWorker(request(workspace, instance));
    worker.send("go");
    await worker.said(/launched/);
    const pid = await pidOf(dataDir, deploymentId, instance);
    await worker.freeze();
    expect(await backend.stop(instance, call)).toBe("gone");
    expect(await stateOf(instance)).toBe("gone");
    // It is there still, as a zombie.
    expect(() => process.kill(pid, 0)).not.toThrow();
  });

  test("a launch that got nowhere is `starting`; its stop is final, and a late launcher gives up", async () => {
    const { prepared, request, stateOf, backend, call } = use();
    const workspace = await prepared();
    const instance = workspace.instance();
    await mkdir(pathOf(instance));
    expect(await stateOf(instance)).toBe("starting");
    expect(await backend.removeVolume(workspace.volume, call)).toBe("in_use");
    expect(await backend.stop(instance, call)).toBe("gone");
    expect(await readdir(join(dataDir, "process", deploymentId, "instances"))).toEqual([]);
    await mkdir(pathOf(instance));
    await backend.launch(request(workspace, instance), call);
    expect(await stateOf(instance)).toBe("running");
  });

  test("a stop that comes to remove a record when a later launch has it puts it back", async () => {
    const { prepared, running, stateOf, backend, call } = use();
    const workspace = await prepared();
    const first = await running(workspace);
    const places = openPlaces(dataDir, { deploymentId, installationId: INSTALLATION });
    const proven = (await readClaim(places, recordOf(first))) as Claim;
    expect(await backend.stop(first, call)).toBe("gone");
    const second = await running(workspace);
    // What a worker does that was frozen between its proof and this.
    await removeRecord(places, recordOf(first), proven);
    expect(await stateOf(second)).toBe("running");
    expect(await backend.listOwned(call)).toMatchObject([
      { kind: "instance", providerId: second.providerId },
      { kind: "volume" },
    ]);
  });

  test("a running instance whose record is lost is found, holds its volume and can be stopped (I4)", async () => {
    const { prepared, running, stateOf, backend, call } = use();
    const workspace = await prepared();
    const instance = await running(workspace);
    await rm(pathOf(instance), { recursive: true });
    expect(await stateOf(instance)).toBe("running");
    expect(await stateOf({ ...instance, providerId: null })).toBe("running");
    expect(await backend.listOwned(call)).toMatchObject([
      { kind: "volume" },
      { kind: "instance", workspaceId: workspace.id, generation: 1, providerId: instance.providerId },
    ]);
    expect(await backend.removeVolume(workspace.volume, call)).toBe("in_use");
    expect(await backend.stop(instance, call)).toBe("gone");
    expect(markedProcesses(instance)).toEqual([]);
  });

  test("a stop ends what the program has started too, in its group and out of it", async () => {
    const { prepared, running, harness, backend, stateOf, call } = use();
    const script = "sleep 3601 & setsid sleep 3602 & exec env -i sleep 3603";
    const instance = await running(await prepared(), 1, { command: ["sh", "-c", script] });
    await expect.poll(() => markedProcesses(instance)).toHaveLength(2);
    // The leader, without its marker, is dead; the others go on.
    await harness.crash(instance);
    await expect.poll(() => stateOf(instance)).toBe("stopped");
    expect(markedProcesses(instance)).toHaveLength(2);
    expect(await backend.stop(instance, call)).toBe("gone");
    expect(markedProcesses(instance)).toEqual([]);
  });

  test("a program is told once to end, and then has its grace", async () => {
    const { prepared, running, backend, call } = use();
    const script = "trap 'echo told >> told; sleep 0.4; exit' TERM; echo up; while :; do sleep 0.05; done";
    const workspace = await prepared();
    const instance = await running(workspace, 1, { command: ["sh", "-c", script] });
    await expect.poll(async () => textOf(await backend.logs(instance, { ...call, tail: 1 }))).toBe("up");
    expect(await backend.stop(instance, call)).toBe("gone");
    const next = await running(workspace, 2, { command: ["sh", "-c", "cat told; exec sleep 3600"] });
    await expect.poll(async () => textOf(await backend.logs(next, { ...call, tail: 9 }))).toBe("told");
  });
});
