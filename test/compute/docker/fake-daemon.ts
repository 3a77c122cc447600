import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import type { Backend, InstanceRef } from "@berth/core/compute/backend";
import { onTestFinished } from "vitest";
import { INSTALLATION } from "../../support/installations.js";

/** A backend on something that answers in place of a daemon. Both end with the test. */
export async function backendOn(listener: RequestListener, callTimeoutMs = 300): Promise<Backend> {
  const directory = await mkdtemp(join(tmpdir(), "fake-docker-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const socketPath = join(directory, "docker.sock");
  const server: Server = createServer(listener).listen(socketPath);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  const backend = createDockerBackend({
    installationId: INSTALLATION,
    deploymentId: "test",
    host: `unix://${socketPath}`,
    callTimeoutMs,
  });
  onTestFinished(() => backend.close());
  return backend;
}

/** One that no daemon has been asked for yet. */
export function newInstance(): InstanceRef {
  const workspaceId = randomUUID();
  const row = { resourceId: randomUUID(), providerId: null, clientToken: randomUUID(), details: {} };
  return { ...row, askedAt: null, workspaceId, generation: 1, name: `ws-${workspaceId}` };
}
