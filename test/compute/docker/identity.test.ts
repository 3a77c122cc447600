import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { dockerCli } from "../../support/docker-cli.js";
import { startDockerd } from "../../support/dockerd.js";
import { unmountAllUnder } from "../../support/process-tree.js";
import { INSTALLATION } from "../../support/installations.js";

const daemon = inject("docker");

describe.skipIf(daemon === null)("docker: which daemon it is (needs Linux and root)", () => {
  const call = { signal: new AbortController().signal };
  const identityOf = async (socketPath: string) => {
    const backend = createDockerBackend({
      installationId: INSTALLATION,
      deploymentId: "test",
      host: `unix://${socketPath}`,
    });
    const identity = await backend.identify(call);
    expect(await backend.mark?.(call)).toBe(identity);
    await backend.close();
    return identity;
  };

  test("it is the daemon's data: it outlives restarts and prunes, and not the loss of the data (I12)", async () => {
    const root = await mkdtemp(join(tmpdir(), "dockerd-"));
    const own = await startDockerd({ root });
    onTestFinished(async () => expect(await own.stop()).toEqual([]));
    const identity = await identityOf(own.socketPath);
    expect(identity).not.toBe(await identityOf(daemon?.socketPath ?? ""));
    await own.restart();
    expect(await identityOf(own.socketPath), "restarted").toBe(identity);
    await own.kill();
    await own.restart();
    expect(await identityOf(own.socketPath), "killed").toBe(identity);
    await dockerCli(own.socketPath)("system", "prune", "--all", "--volumes", "--force");
    expect(await identityOf(own.socketPath), "pruned").toBe(identity);
    await own.halt();
    unmountAllUnder(join(root, "data"));
    await rm(join(root, "data"), { recursive: true });
    await own.restart();
    expect(await identityOf(own.socketPath), "wiped").not.toBe(identity);
  });
});
