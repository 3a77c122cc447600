import { refusalOf } from "../../domain/owner.js";
import type { InstanceRef, VolumeRef } from "../backend.js";
import { BackendError } from "../backend-error.js";
import type { Caller, Ec2 } from "./context.js";
import { pollEc2 } from "./pause.js";
import type { SeenInstance, SeenVolume } from "./seen.js";
import { generationIn, INSTALLATION, ownerOf, type Tags } from "./tags.js";

const INSTANCE_ID = /^i-(?:[0-9a-f]{8}|[0-9a-f]{17})$/;
const VOLUME_ID = /^vol-(?:[0-9a-f]{8}|[0-9a-f]{17})$/;

/** Where the instances that a ref means were found. */
export interface Found<Thing> {
  things: Thing[];
  /** Why their absence proves nothing yet. */
  doubt: string | null;
  /** It was made, a clean answer doesn't have it, and nobody has seen its end: no proof until that has lasted. */
  absent: boolean;
}

/**
 * The instances that are meant: the one with the provider's id, or all of the workspace and generation.
 * Those of other deployments aren't there for us.
 * @throws BackendError: AWS's failures; `name_taken` for one whose tags are gone or another installation's; a malformed id
 */
export async function findInstances(
  ec2: Ec2,
  ref: InstanceRef,
  caller: Caller,
): Promise<Found<SeenInstance>> {
  const { lookups } = ec2;
  if (ref.providerId === null) {
    const things = (await lookups.instancesOf(ref.workspaceId, caller)).filter(
      ({ id, tags }) => generationIn(tags) === ref.generation && insistOnOwnership(ec2, ref, id, tags),
    );
    return { things, doubt: things.length > 0 ? null : doubtOf(ec2, ref), absent: false };
  }
  if (!INSTANCE_ID.test(ref.providerId)) throw malformed("InvalidInstanceID.Malformed", ref.providerId);
  const seen = await lookups.instance(ref.providerId, caller);
  if (seen === null) {
    const doubt = doubtOf(ec2, ref);
    return { things: [], doubt, absent: doubt === null && !lookups.hasEnded(ref.providerId) };
  }
  return {
    things: insistOnOwnership(ec2, ref, seen.id, seen.tags) ? [seen] : [],
    doubt: null,
    absent: false,
  };
}

/** As {@link findInstances}, for a volume. @throws BackendError */
export async function findVolume(ec2: Ec2, ref: VolumeRef, caller: Caller): Promise<SeenVolume | null> {
  if (ref.providerId === null)
    return (
      (await ec2.lookups.volumesFor(ref.resourceId, caller)).find(({ id, tags }) =>
        insistOnOwnership(ec2, ref, id, tags),
      ) ?? null
    );
  if (!VOLUME_ID.test(ref.providerId)) throw malformed("InvalidVolumeID.Malformed", ref.providerId);
  const seen = await ec2.lookups.volume(ref.providerId, caller);
  return seen !== null && insistOnOwnership(ec2, ref, seen.id, seen.tags) ? seen : null;
}

/** As {@link findVolume}; one that was made a moment ago is given the time to show itself. @throws BackendError */
export async function awaitVolume(ec2: Ec2, ref: VolumeRef, caller: Caller): Promise<SeenVolume | null> {
  const answer = await pollEc2(ec2.options.settleMs, caller.signal, async () => {
    const volume = await findVolume(ec2, ref, caller);
    return volume === null && ref.providerId !== null && doubtOf(ec2, ref) !== null ? null : { volume };
  });
  return answer?.volume ?? null;
}

/** Null if a thing that isn't seen can't be there: nothing about it is so young that it may still be hidden. */
export function doubtOf(ec2: Ec2, ref: InstanceRef | VolumeRef): string | null {
  if (ref.askedAt !== null && performance.now() - ref.askedAt < ec2.options.settleMs)
    return "it was asked for a moment ago and may not be visible yet";
  return null;
}

export function insistOnOwnership(ec2: Ec2, ref: InstanceRef | VolumeRef, id: string, tags: Tags): boolean {
  const owner = ownerOf(tags, ec2.options, ref.workspaceId);
  if (owner === "another")
    throw new BackendError(
      "name_taken",
      "permanent",
      `${id} ${refusalOf(ec2.options, tags.get(INSTALLATION))}`,
      { providerCode: "another_installation" },
    );
  if (owner === "unclear")
    throw new BackendError(
      "name_taken",
      "permanent",
      `${id} doesn't carry the tags of deployment ${ec2.options.deploymentId} and of its workspace; it was left as it is`,
      { providerCode: "tags_missing" },
    );
  return owner === "us";
}

function malformed(providerCode: string, id: string): BackendError {
  return new BackendError(
    "backend_failed",
    "permanent",
    `${JSON.stringify(id).slice(0, 100)} is no id of AWS`,
    {
      providerCode,
    },
  );
}
