import type { ContainerInspectInfo } from "dockerode";
import type { CallOptions, LaunchRequest } from "../backend.js";
import { BackendError } from "../backend-error.js";
import { poll } from "../poll.js";
import { ask } from "./ask.js";
import type { DockerClient } from "./client.js";
import { containerOf } from "./container.js";
import {
  hasEnded,
  isImageMissing,
  isInitMissing,
  isNameTaken,
  isNetworkMissing,
  type Refusal,
} from "./engine.js";
import { inspectContainer } from "./find.js";
import { generationIn, insistOnOwnership } from "./labels.js";
import { pullImage, type PullLimits } from "./pull.js";
import { secretsOf } from "../redact.js";
import { startContainer } from "./start.js";

const PACE = { firstMs: 50, longestMs: 50 };
/** What Docker says of a container that has never run. */
const NEVER = "0001-01-01T00:00:00Z";

export interface LaunchSettings extends PullLimits {
  network: string | undefined;
  graceSeconds: number;
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
  if (toStart) await startContainer(client, id, request, options);
  return id;
}

async function createOrAdopt(
  client: DockerClient,
  request: LaunchRequest,
  settings: LaunchSettings,
  options: CallOptions,
): Promise<{ id: string; toStart: boolean }> {
  const { name } = request.instance;
  const container = containerOf(request, {
    deploymentId: client.deploymentId,
    installationId: client.installationId,
    network: settings.network,
    graceSeconds: settings.graceSeconds,
  });
  const secrets = secretsOf(request);
  const create = () =>
    ask(client, `create ${name}`, { ...options, expects: [404, 409, 500], secrets }, (abortSignal) =>
      client.docker.createContainer({ ...container, abortSignal }),
    );
  let pulled = false;
  let refusal: Refusal | undefined;
  // The name is reserved before the container can be seen, and freed after it can't be seen any more.
  const how = { limitMs: client.callTimeoutMs, ...PACE, signal: options.signal };
  const there = await poll(how, async () => {
    let created = await create();
    if (!created.ok && isImageMissing(created) && !pulled) {
      await pullImage(client, request.spec.image ?? "", settings, options);
      pulled = true;
      created = await create();
    }
    if (created.ok) return { id: created.value.id, toStart: true };
    if (!isNameTaken(created)) throw creationFailure(name, created, settings);
    refusal = created;
    const found = await inspectContainer(client, name, options);
    return found && { id: found.Id, toStart: adopt(client, request, found) };
  });
  if (there !== null) return there;
  throw new BackendError("backend_failed", "transient", `create ${name}: ${refusal?.message}`, {
    providerCode: String(refusal?.status),
  });
}

function creationFailure(name: string, refusal: Refusal, { network }: LaunchSettings): BackendError {
  const options = { providerCode: String(refusal.status) };
  const text = `create ${name}: ${refusal.message}`;
  if (isNetworkMissing(refusal))
    return new BackendError(
      "start_failed",
      "permanent",
      `${text}${network === undefined ? "" : `: make the network ${network}, or change BERTH_DOCKER_NETWORK`}`,
      // Somebody has pruned it, and may make it again.
      { ...options, passing: true },
    );
  if (isInitMissing(refusal))
    return new BackendError(
      "start_failed",
      "permanent",
      `${text}: install catatonit on the machine that runs Podman`,
      options,
    );
  return new BackendError("backend_failed", "transient", text, options);
}

/** True if the container found in place of a new one still has to be started. @throws BackendError */
function adopt(client: DockerClient, { instance }: LaunchRequest, found: ContainerInspectInfo): boolean {
  const { Labels: labels } = found.Config;
  insistOnOwnership("container", instance.name, labels, client, instance.workspaceId);
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
  return status === "created" || status === "initialized" || (hasEnded(status) && startedAt === NEVER);
}
