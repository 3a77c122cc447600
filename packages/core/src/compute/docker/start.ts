import { setTimeout as delay } from "node:timers/promises";
import type { ContainerInspectInfo } from "dockerode";
import type { CallOptions, LaunchRequest } from "../backend.js";
import { BackendError } from "../backend-error.js";
import { secretsOf } from "../redact.js";
import { ask } from "./ask.js";
import type { DockerClient } from "./client.js";
import { couldNotRun, hasEnded, isNetworkMissing, isStartedAlready, looksAfterStart } from "./engine.js";
import { piecesOf } from "./logs.js";
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

async function lookAfterStart(
  client: DockerClient,
  id: string,
  { instance, spec }: LaunchRequest,
  options: CallOptions,
): Promise<void> {
  const looks = await ask(client, `start ${instance.name}`, options, async (signal) =>
    looksAfterStart(await client.isPodman(signal)),
  );
  for (const pause of looks.ok ? looks.value : []) {
    await delay(pause, undefined, { signal: options.signal }).catch(() => undefined);
    const found = await inspectContainer(client, id, options);
    if (found === null)
      throw new BackendError("backend_failed", "transient", `${instance.name} was removed while it started`);
    if (!hasEnded(found.State.Status)) continue;
    // Any other end is the program's own, and for `probe` to tell.
    if (!(await couldNotRun(found.State.ExitCode, () => lastLines(client, id, options)))) return;
    await removeContainer(client, id, options);
    const program = JSON.stringify(spec.command?.[0] ?? "the command of its image");
    throw new BackendError("start_failed", "permanent", `start ${instance.name}: ${program} can't be run`, {
      providerCode: `exit ${found.State.ExitCode}`,
    });
  }
}

/** What it wrote to its standard error last, with the headers of its pieces. @throws BackendError */
async function lastLines(client: DockerClient, id: string, options: CallOptions): Promise<string> {
  const logs = await ask(
    client,
    `logs of ${id.slice(0, 12)}`,
    { ...options, expects: [404, 409], reply: "any" },
    (abortSignal) =>
      client.docker
        .getContainer(id)
        .logs({ stderr: true, follow: false, timestamps: true, tail: 5, abortSignal }),
  );
  return logs.ok
    ? piecesOf(Buffer.from(logs.value))
        .map(({ line }) => line.text)
        .join("\n")
    : "";
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
