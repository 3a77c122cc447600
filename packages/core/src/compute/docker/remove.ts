import type { CallOptions } from "../backend.js";
import { BackendError } from "../backend-error.js";
import { ask } from "./ask.js";
import type { DockerClient } from "./client.js";
import { isBeingRemoved } from "./engine.js";

/**
 * Asks for the removal of a container, running or not, with its anonymous volumes: those carry no label and
 * would be leaked. Another removal under way, or one that is done, is fine. @throws BackendError
 */
export async function removeContainer(client: DockerClient, id: string, options: CallOptions): Promise<void> {
  const what = `remove ${id.slice(0, 12)}`;
  const removed = await ask(client, what, { ...options, expects: [404, 409], reply: "any" }, (abortSignal) =>
    client.docker.getContainer(id).remove({ force: true, v: true, abortSignal }),
  );
  if (removed.ok || isBeingRemoved(removed)) return;
  throw new BackendError("backend_failed", "transient", `${what}: ${removed.message}`, {
    providerCode: "409",
  });
}
