import { setTimeout as delay } from "node:timers/promises";
import type { ContainerInspectInfo } from "dockerode";
import { BackendError, type CallOptions, type LaunchRequest } from "../backend.js";
import { ask } from "./ask.js";
import type { DockerClient } from "./client.js";
import { containerOf } from "./container.js";
import { generationIn, insistOnOwnership } from "./labels.js";
import { pullImage } from "./pull.js";
import { removeContainer } from "./remove.js";

const LOOK_AGAIN_MS = 50;
/** What Docker says of a container that has never run. */
const NEVER = "0001-01-01T00:00:00Z";

export interface LaunchSettings {
  network: string | undefined;
  pullTimeoutMs: number;
}

/**
 * Creates and starts the container, or adopts the one that is there, and returns its id. The daemon's
 * uniqueness of names decides between concurrent calls.
 * @throws BackendError
 */
export async function launchContainer(
  client: DockerClient,
  request: LaunchRequest,
  settings: LaunchSettings,
  options: CallOptions,
): Promise<string> {
  const { id, toStart } = await createOrAdopt(client, request, settings, options);
  if (toStart) await start(client, id, request, options);
  return id;
}

async function createOrAdopt(
  client: DockerClient,
  request: LaunchRequest,
  settings: LaunchSettings,
  options: CallOptions,
): Promise<{ id: string; toStart: boolean }> {
  const { name } = request.instance;
  const container = containerOf(request, { deploymentId: client.deploymentId, network: settings.network });
  const secrets = secretsOf(request);
  const deadline = performance.now() + client.callTimeoutMs;
  for (let pulled = false; ;) {
    const created = await ask(
      client,
      `create ${name}`,
      { ...options, expects: [404, 409], secrets },
      (abortSignal) => client.docker.createContainer({ ...container, abortSignal }),
    );
    if (created.ok) return { id: created.value.id, toStart: true };
    if (created.status === 404) {
      // dockerode's own reason says "no such container" here.
      if (pulled || !/no such image/i.test(created.message))
        throw new BackendError("backend_failed", "transient", `create ${name}: ${created.message}`, {
          providerCode: "404",
        });
      await pullImage(client, request.spec.image ?? "", settings.pullTimeoutMs, options);
      pulled = true;
      continue;
    }
    const found = await inspect(client, name, options);
    if (found !== null) return { id: found.Id, toStart: adopt(client, request, found) };
    // The name is reserved before the container can be seen, and freed after it can't be seen any more.
    if (performance.now() > deadline)
      throw new BackendError("backend_failed", "transient", `create ${name}: ${created.message}`, {
        providerCode: "409",
      });
    await delay(LOOK_AGAIN_MS, undefined, { signal: options.signal }).catch(() => undefined);
  }
}

/** True if the container found in place of a new one still has to be started. @throws BackendError */
function adopt(client: DockerClient, { instance }: LaunchRequest, found: ContainerInspectInfo): boolean {
  const { Labels: labels } = found.Config;
  insistOnOwnership("container", instance.name, labels, client.deploymentId, instance.workspaceId);
  const generation = generationIn(labels);
  if (generation !== instance.generation) {
    // An older one may yet be stopped; a newer one says that this launch is out of date (I9).
    const newer = generation !== null && generation > instance.generation;
    throw new BackendError(
      "other_generation",
      newer ? "permanent" : "transient",
      `${instance.name} of generation ${generation ?? "unknown"} is in the place of ${instance.generation}`,
    );
  }
  const { Status: status, StartedAt: startedAt } = found.State;
  if (status === "removing" || status === "dead")
    throw new BackendError("backend_failed", "transient", `${instance.name} is being removed`, {
      providerCode: status,
    });
  // One that has run and ended is this generation's one run: `probe` tells of its end.
  return status === "created" || (status === "exited" && startedAt === NEVER);
}

async function start(
  client: DockerClient,
  id: string,
  request: LaunchRequest,
  options: CallOptions,
): Promise<void> {
  const { name } = request.instance;
  const started = await ask(
    client,
    `start ${name}`,
    { ...options, expects: [304, 400, 404, 409], secrets: secretsOf(request) },
    (abortSignal) => client.docker.getContainer(id).start({ abortSignal }),
  );
  if (started.ok) return;
  const fail = (code: "backend_failed" | "start_failed", kind: "transient" | "permanent") =>
    new BackendError(code, kind, `start ${name}: ${started.message}`, {
      providerCode: String(started.status),
    });
  if (started.status === 304) {
    // Said while a stop is pending as well, after which the container isn't there or doesn't run.
    if ((await inspect(client, id, options)) === null) throw fail("backend_failed", "transient");
    return;
  }
  const removed = started.status === 409 || /no such container/i.test(started.message);
  if (removed) throw fail("backend_failed", "transient");
  // A bad command, or a network that isn't there: it would stay `created` for ever.
  await removeContainer(client, id, options);
  throw fail("start_failed", "permanent");
}

async function inspect(
  client: DockerClient,
  idOrName: string,
  options: CallOptions,
): Promise<ContainerInspectInfo | null> {
  const found = await ask(client, `inspect ${idOrName}`, { ...options, expects: [404] }, (abortSignal) =>
    client.docker.getContainer(idOrName).inspect({ abortSignal }),
  );
  return found.ok ? found.value : null;
}

function secretsOf({ spec, env }: LaunchRequest): string[] {
  return Object.values({ ...spec.env, ...env });
}
