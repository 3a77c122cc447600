import { setTimeout as delay } from "node:timers/promises";
import type { ContainerInspectInfo } from "dockerode";
import { BackendError, type CallOptions, type LaunchRequest } from "../backend.js";
import { ask } from "./ask.js";
import type { DockerClient } from "./client.js";
import { removeContainer } from "./remove.js";

/** With an init process the daemon calls any start a success; what can't be run ends 30 to 150 ms later. */
const LOOKS_AFTER_MS = [0, 100];
/** As a shell, or the init process, says that the program can't be run, or isn't there. */
const CANNOT_RUN: ReadonlySet<number> = new Set([126, 127]);

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
    { ...options, expects: [304, 400, 404, 409], reply: "any", secrets: secretsOf(request) },
    (abortSignal) => client.docker.getContainer(id).start({ abortSignal }),
  );
  // 304 is said while a stop is pending as well: the container may end or vanish all the same.
  if (started.ok || started.status === 304) return await lookAfterStart(client, id, request, options);
  const removed = started.status === 409 || /no such container/i.test(started.message);
  if (!removed) await removeContainer(client, id, options);
  throw new BackendError(
    removed ? "backend_failed" : "start_failed",
    removed ? "transient" : "permanent",
    `start ${name}: ${started.message}`,
    { providerCode: String(started.status) },
  );
}

async function lookAfterStart(
  client: DockerClient,
  id: string,
  { instance, spec }: LaunchRequest,
  options: CallOptions,
): Promise<void> {
  for (const pause of LOOKS_AFTER_MS) {
    await delay(pause, undefined, { signal: options.signal }).catch(() => undefined);
    const found = await inspectContainer(client, id, options);
    if (found === null)
      throw new BackendError("backend_failed", "transient", `${instance.name} was removed while it started`);
    if (found.State.Status !== "exited") continue;
    // Any other end is the program's own, and for `probe` to tell.
    if (!CANNOT_RUN.has(found.State.ExitCode)) return;
    await removeContainer(client, id, options);
    const program = JSON.stringify(spec.command?.[0] ?? "the command of its image");
    throw new BackendError("start_failed", "permanent", `start ${instance.name}: ${program} can't be run`, {
      providerCode: `exit ${found.State.ExitCode}`,
    });
  }
}

/** Null if it isn't there. @throws BackendError */
export async function inspectContainer(
  client: DockerClient,
  idOrName: string,
  options: CallOptions,
): Promise<ContainerInspectInfo | null> {
  const found = await ask(client, `inspect ${idOrName}`, { ...options, expects: [404] }, (abortSignal) =>
    client.docker.getContainer(idOrName).inspect({ abortSignal }),
  );
  return found.ok ? found.value : null;
}

/** What the daemon may repeat in a message and nobody is to see there. */
export function secretsOf({ spec, env }: LaunchRequest): string[] {
  return Object.values({ ...spec.env, ...env });
}
