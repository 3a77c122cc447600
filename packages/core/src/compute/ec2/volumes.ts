import { CreateVolumeCommand, DeleteVolumeCommand } from "@aws-sdk/client-ec2";
import type { VolumeRef } from "../backend.js";
import type { Details } from "../details.js";
import { BackendError, volumeMissing } from "../backend-error.js";
import type { Spec } from "../../domain/spec.js";
import { send } from "./aws.js";
import { inOrderOfRoom } from "./capacity.js";
import { lackOf, type Refusal } from "./launch-errors.js";
import { noPlaceLeft } from "./no-place.js";
import type { Caller, Ec2 } from "./context.js";
import { codeOf, failureOf, statusOf } from "./failure.js";
import { awaitVolume, doubtOf, findVolume } from "./identity.js";
import { pause, pollEc2 } from "./pause.js";
import type { SeenVolume } from "./seen.js";
import { ROLE, tagsOf } from "./tags.js";
import { typeName, wantedOf, type Wanted } from "./wanted.js";

export interface MadeVolume {
  providerId: string;
  details: Details;
}

/** See `Backend.createVolume`. Its zone is where its instances will run, for good. @throws BackendError */
export async function createVolume(
  ec2: Ec2,
  ref: VolumeRef,
  spec: Pick<Spec, "ec2" | "tier"> | undefined,
  caller: Caller,
): Promise<MadeVolume> {
  const found = await awaitVolume(ec2, ref, caller);
  if (found !== null && found.state !== "deleting") return made(found);
  if (ref.providerId !== null)
    // Made anew it would be empty: what was in it is lost, and that is for a person to decide.
    throw volumeMissing(ref, "InvalidVolume.NotFound");
  const wanted = wantedOf(spec ?? {}, ec2.options);
  for (;;) {
    const az = await chooseZone(ec2, wanted, caller);
    const answer = await createIn(ec2, ref, wanted, az, caller);
    if ("made" in answer) return answer.made;
    // The zone has none of that kind: the next is chosen, until none is left.
    for (const type of wanted.types) ec2.capacity.note(answer.refused, typeName(type), az);
  }
}

async function createIn(
  ec2: Ec2,
  ref: VolumeRef,
  wanted: Wanted,
  az: string,
  caller: Caller,
): Promise<{ made: MadeVolume } | { refused: Refusal }> {
  const what = `create volume ${ref.name}`;
  try {
    const { VolumeId: id = "" } = await send(
      ec2.aws,
      ec2.aws.ec2,
      new CreateVolumeCommand({
        AvailabilityZone: az,
        Size: wanted.volumeGb,
        VolumeType: ec2.options.volumeType as "gp3",
        Encrypted: true,
        ClientToken: ref.clientToken,
        TagSpecifications: [
          {
            ResourceType: "volume",
            Tags: tagsOf(ec2.options, ref, { ...wanted.tags, [ROLE]: "data" }),
          },
        ],
      }),
      { what, ...caller },
      { raw: true },
    );
    return { made: { providerId: id, details: { az, size_gb: wanted.volumeGb } } };
  } catch (error) {
    const code = codeOf(error);
    if (code === "IdempotentParameterMismatch") return { made: made(await earlier(ec2, ref, caller)) };
    const failure = failureOf(what, error);
    const refused = lackOf(code, statusOf(error), failure.message);
    if (refused?.scope === "zone") return { refused };
    throw failure;
  }
}

/**
 * The volume that an earlier call with the same token made, whose answer was lost: that call asked for another
 * zone or size than we would now. It shows itself before long.
 */
async function earlier(ec2: Ec2, ref: VolumeRef, caller: Caller): Promise<SeenVolume> {
  const volume = await pollEc2(ec2.options.settleMs, caller.signal, () => findVolume(ec2, ref, caller));
  if (volume === null)
    throw new BackendError(
      "backend_failed",
      "transient",
      `volume ${ref.name}: AWS remembers an earlier request that made one, and doesn't show it`,
      { providerCode: "IdempotentParameterMismatch" },
    );
  return volume;
}

/**
 * The zone of the first subnet where there may be room for any of the types.
 * @throws BackendError `capacity`, `quota`; `invalid_spec` if no type exists in any of the zones
 */
async function chooseZone(ec2: Ec2, wanted: Wanted, caller: Caller): Promise<string> {
  const { subnetIds, types } = wanted;
  const subnets = await ec2.subnets.resolve(subnetIds, caller);
  const places = subnets.flatMap(({ az }) => types.map((type) => ({ az, type: typeName(type) })));
  const [best] = inOrderOfRoom(places, ({ az, type }) => ec2.capacity.lackOf(type, az));
  if (best !== undefined) return best.az;
  const zones = [...new Set(subnets.map(({ az }) => az))];
  const refusals = places.flatMap(({ az, type }) => ec2.capacity.lackOf(type, az) ?? []);
  throw noPlaceLeft(wanted, zones, refusals, { movable: false });
}

/** See `Backend.removeVolume`. @throws BackendError */
export async function removeVolume(ec2: Ec2, ref: VolumeRef, caller: Caller): Promise<"gone" | "in_use"> {
  let asked = false;
  const limitMs = ec2.options.callTimeoutMs;
  const answer = await pollEc2(limitMs, caller.signal, async () => {
    const volume = await findVolume(ec2, ref, caller);
    if (volume === null) return (await isProven(ec2, ref, asked, caller)) ? ("gone" as const) : null;
    if (volume.attachment !== null)
      return volume.attachment.state === "detaching" ? null : ("in_use" as const);
    if (volume.state === "deleting") asked = true;
    else if (volume.state === "available" || volume.state === "error")
      asked = await askForRemoval(ec2, volume, caller);
    return null;
  });
  if (answer === null)
    throw new BackendError(
      "backend_timeout",
      "transient",
      `volume ${ref.providerId ?? ref.name} is not proven gone ${Math.round(limitMs / 1000)} s after its removal was asked for`,
    );
  return answer;
}

/** One that was being deleted and isn't there is gone; of any other it takes two clean looks (I4). */
async function isProven(ec2: Ec2, ref: VolumeRef, asked: boolean, caller: Caller): Promise<boolean> {
  if (asked) return true;
  if (doubtOf(ec2, ref) !== null) return false;
  if (ref.providerId === null) return true;
  await pause(ec2.options.settleMs / 4, caller.signal);
  return (await findVolume(ec2, ref, caller)) === null;
}

/** @returns true if the provider has accepted it. @throws BackendError */
async function askForRemoval(ec2: Ec2, { id }: SeenVolume, caller: Caller): Promise<boolean> {
  try {
    await send(
      ec2.aws,
      ec2.aws.ec2,
      new DeleteVolumeCommand({ VolumeId: id }),
      { what: `delete ${id}`, ...caller },
      { raw: true },
    );
    return true;
  } catch (error) {
    // Attached since, or gone since, or just changing: the next look tells.
    if (/^(VolumeInUse|InvalidVolume\.NotFound|IncorrectState)$/.test(codeOf(error))) return false;
    throw failureOf(`delete ${id}`, error);
  }
}

function made({ id, az, sizeGb }: SeenVolume): MadeVolume {
  return { providerId: id, details: { az, size_gb: sizeGb } };
}
