import type { LaunchRequest, CallOptions } from "../backend.js";
import { BackendError } from "../backend-error.js";
import { secretsOf } from "../redact.js";
import { ask } from "./ask.js";
import type { DockerClient } from "./client.js";
import { isNetworkMissing, isStartedAlready } from "./engine.js";
import { lookAfterStart } from "./look-after-start.js";
import { removeContainer } from "./remove.js";

/**
 * Starts a container that has never run. One that can't be started is removed: it would stay `created`.
 * @throws BackendError `start_failed` for a command or network that isn't there.
 */
export async function startContainer(
  client: DockerClient,
  id: string,
  request: LaunchRequest,
  options: CallOptions,
): Promise<void> {
  const { name } = request.instance;
  const started = await ask(
    client,
    `start ${name}`,
    { ...options, expects: [304, 400, 404, 409, 500], reply: "any", secrets: secretsOf(request) },
    (abortSignal) => client.docker.getContainer(id).start({ abortSignal }),
  );
  // It may end or vanish all the same, if a stop is pending.
  if (started.ok || isStartedAlready(started)) return await lookAfterStart(client, id, request, options);
  const text = `start ${name}: ${started.message}`;
  const provider = { providerCode: String(started.status) };
  if (started.status === 500 && !isNetworkMissing(started))
    throw new BackendError("backend_failed", "transient", text, provider);
  const removed = started.status === 409 || /no such container/i.test(started.message);
  if (removed) throw new BackendError("backend_failed", "transient", text, provider);
  await removeContainer(client, id, options);
  const passing = isNetworkMissing(started);
  throw new BackendError("start_failed", "permanent", text, { ...provider, passing });
}
