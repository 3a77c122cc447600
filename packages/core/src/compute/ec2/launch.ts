import type { LaunchRequest } from "../backend.js";
import type { Details } from "../details.js";
import { BackendError } from "../backend-error.js";
import { attachVolume } from "./attach.js";
import type { Caller, Ec2 } from "./context.js";
import { awaitVolume, insistOnOwnership } from "./identity.js";
import { pollEc2 } from "./pause.js";
import { runInstance } from "./run.js";
import { untilRunning } from "./running.js";
import type { SeenInstance } from "./seen.js";
import { undo } from "./stop.js";
import { generationIn } from "./tags.js";
import { urlOf } from "./url.js";

export interface Launched {
  providerId: string;
  url: string | null;
  details: Details;
  starting?: boolean;
}

/** See `Backend.launch`. Each step finds what an earlier call has done. @throws BackendError */
export async function launchInstance(ec2: Ec2, request: LaunchRequest, caller: Caller): Promise<Launched> {
  const volume = await awaitVolume(ec2, request.volume, caller);
  if (volume === null || volume.state === "deleting")
    throw new BackendError("backend_failed", "transient", `volume ${request.volume.name} is not there`);
  const { alive, dead } = await existing(ec2, request, caller);
  const started = alive ?? (await runInstance(ec2, request, { volume, dead, caller }));
  // One that ran and was stopped since is this generation's one run: `probe` tells of its end.
  if (started.state === "stopped" || started.state === "stopping") return answerOf(ec2, started);
  const starting = (instance: SeenInstance): Launched => ({ ...answerOf(ec2, instance), starting: true });
  const running = await untilRunning(ec2, started.id, caller);
  if (running === null) return starting(started);
  const attached = await attachVolume(ec2, request, running, caller);
  if (attached === "attaching") return starting(running);
  if (attached === "taken") {
    await undo(ec2, running, caller);
    throw await otherGeneration(ec2, request, caller);
  }
  // A stop that came meanwhile is seen here at the latest.
  const up = await untilRunning(ec2, running.id, caller);
  return up === null ? starting(running) : answerOf(ec2, up);
}

/**
 * The instance that an earlier call for this generation made, if it is there to be adopted, and the tokens of
 * those that have ended: AWS takes none of them again.
 * @throws BackendError `other_generation`
 */
async function existing(
  ec2: Ec2,
  { instance: ref }: LaunchRequest,
  caller: Caller,
): Promise<{ alive: SeenInstance | null; dead: Set<string> }> {
  const look = async (): Promise<SeenInstance[]> =>
    (await ec2.lookups.instancesOf(ref.workspaceId, caller)).filter(({ id, tags }) =>
      insistOnOwnership(ec2, ref, id, tags),
    );
  let all = await look();
  // One that shuts down still holds the volume, and may still run something: it ends first (I1, I8).
  if (all.some(({ state, tags }) => state === "shutting-down" && generationIn(tags) === ref.generation))
    all =
      (await pollEc2(ec2.options.startTimeoutMs, caller.signal, async () => {
        const again = await look();
        return again.some(({ state }) => state === "shutting-down") ? null : again;
      })) ?? (await look());
  const unended = all.filter(({ state }) => state !== "terminated");
  const other = unended.find(({ tags }) => generationIn(tags) !== ref.generation);
  if (other !== undefined) throw conflict(ref.generation, other);
  const own = unended.filter(({ state }) => state !== "shutting-down");
  if (own.length < unended.length)
    throw new BackendError(
      "backend_timeout",
      "transient",
      `${unended[0]!.id} of this generation doesn't finish shutting down`,
      {
        providerCode: "shutting-down",
      },
    );
  return {
    alive: own.find(({ clientToken }) => clientToken === ref.clientToken) ?? own[0] ?? null,
    dead: new Set(all.filter(({ state }) => state === "terminated").map(({ clientToken }) => clientToken)),
  };
}

/** Why the volume was taken. @returns the error to throw */
async function otherGeneration(
  ec2: Ec2,
  { instance: ref }: LaunchRequest,
  caller: Caller,
): Promise<BackendError> {
  const holder = (await ec2.lookups.instancesOf(ref.workspaceId, caller)).find(
    ({ state, tags }) => state !== "terminated" && generationIn(tags) !== ref.generation,
  );
  if (holder !== undefined) return conflict(ref.generation, holder);
  return new BackendError("other_generation", "transient", "another instance holds the volume", {
    providerCode: "VolumeInUse",
  });
}

function conflict(wanted: number, { id, tags }: SeenInstance): BackendError {
  const generation = generationIn(tags);
  // An older one may yet be stopped; a newer one says that this launch is out of date (I9).
  const newer = generation !== null && generation > wanted;
  return new BackendError(
    "other_generation",
    newer ? "permanent" : "transient",
    `${id} of generation ${generation ?? "unknown"} is in the place of ${wanted}`,
  );
}

function answerOf({ options }: Ec2, instance: SeenInstance): Launched {
  const { id, az, type, subnet, spot, launchedAt } = instance;
  return {
    providerId: id,
    url: urlOf(options, instance),
    details: { az, type, subnet, ...(spot && { spot }), launched_at: launchedAt.toISOString() },
  };
}
