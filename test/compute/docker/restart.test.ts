import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { startDockerd, type TestDockerd } from "../../support/dockerd.js";
import { importTestImages } from "../../support/images.js";
import { failure, useBench, textOf } from "../conformance/harness.js";
import { dockerHarness } from "./harness.js";

describe.skipIf(inject("docker") === null)("docker: a daemon that dies (needs Linux and root)", () => {
  let dockerd: TestDockerd | undefined;
  const daemon = (): TestDockerd => {
    if (dockerd === undefined) throw new Error("the daemon is started before the tests");
    return dockerd;
  };
  beforeAll(async () => {
    dockerd = await startDockerd({ root: await mkdtemp(join(tmpdir(), "dockerd-")) });
    await importTestImages(dockerd.socketPath);
  });
  const use = useBench(() => dockerHarness(daemon().socketPath));
  afterAll(async () => {
    expect(await dockerd?.stop(), "left in the daemon").toEqual([]);
  });

  test("while it is away all is unknown; when it is back the truth is told and work goes on", async () => {
    const { prepared, running, workspace, request, stateOf, backend, call } = use();
    const of = await prepared();
    const instance = await running(of);
    const never = workspace().instance();
    await daemon().kill();
    const states = await backend.probe([instance, never], call);
    expect([...states.values()]).toEqual(["unknown", "unknown"]);
    const unreachable = failure("backend_unreachable", "transient");
    await expect(backend.stop(instance, call)).rejects.toThrow(unreachable);
    await expect(backend.stop(never, call)).rejects.toThrow(unreachable);
    await expect(backend.listOwned(call)).rejects.toThrow(unreachable);

    await daemon().restart();
    // Restart policy `no`: the daemon ends what it finds running, and only an operation starts it again.
    expect(await stateOf(instance)).toBe("stopped");
    expect(await stateOf(never)).toBe("gone");
    expect(await backend.removeVolume(of.volume, call)).toBe("in_use");
    expect(await backend.stop(instance, call)).toBe("gone");
    const next = of.instance(2);
    await backend.launch(request(of, next), call);
    await expect.poll(() => stateOf(next)).toBe("running");
  });

  test("a stop under way when it dies ends as a failure and not as a success, and not never", async () => {
    const { prepared, running, stateOf, backend, call } = use();
    const command = ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"];
    const instance = await running(await prepared(), 1, { command });
    await expect.poll(async () => textOf(await backend.logs(instance, { ...call, tail: 1 }))).toBe("deaf");
    // oxlint-disable-next-line vitest/valid-expect -- awaited below, after the daemon has died
    const stopped = expect(backend.stop(instance, call)).rejects.toThrow(
      failure("backend_unreachable", "transient"),
    );
    await daemon().kill();
    await stopped;
    await daemon().restart();
    expect(await backend.stop(instance, call)).toBe("gone");
    expect(await stateOf(instance)).toBe("gone");
  });
});
