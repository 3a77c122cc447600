import type { InstanceRef, InstanceState } from "../backend.js";
import type { Caller, Ec2 } from "./context.js";
import { findInstances } from "./identity.js";
import { contractState } from "./seen.js";

/** See `Backend.probe`. What AWS gives no clean answer about, even asked for alone, is `unknown` (I5). */
export async function probe(
  ec2: Ec2,
  instances: readonly InstanceRef[],
  caller: Caller,
): Promise<Map<string, InstanceState>> {
  const answers = await Promise.allSettled(instances.map((ref) => stateOf(ec2, ref, caller)));
  const failed = answers.find((answer) => answer.status === "rejected");
  if (failed !== undefined) ec2.options.logger?.debug({ err: failed.reason as unknown }, "ec2 probe failed");
  const states = new Map(
    instances.map((ref, index) => {
      const answer = answers[index]!;
      return [ref.resourceId, answer.status === "fulfilled" ? answer.value : "unknown"];
    }),
  );
  const gone = await judgeAbsences(ec2, states);
  return new Map(
    [...states].map(([id, state]) => [id, state !== "absent" ? state : gone.has(id) ? "gone" : "unknown"]),
  );
}

/** Which of those that are absent have been so for long enough; none if that can't be told now. */
async function judgeAbsences(
  { absence, options: { logger } }: Ec2,
  states: ReadonlyMap<string, InstanceState | "absent">,
): Promise<ReadonlySet<string>> {
  const idsOf = (wanted: (state: InstanceState | "absent") => boolean): string[] =>
    [...states].filter(([, state]) => wanted(state)).map(([id]) => id);
  try {
    await absence.seen(idsOf((state) => state === "running" || state === "starting" || state === "stopped"));
    return await absence.lasting(idsOf((state) => state === "absent"));
  } catch (error) {
    logger?.warn({ err: error }, "absences can't be noted");
    return new Set();
  }
}

async function stateOf(ec2: Ec2, ref: InstanceRef, caller: Caller): Promise<InstanceState | "absent"> {
  const { things, doubt, absent } = await findInstances(ec2, ref, caller);
  if (doubt !== null) return "unknown";
  if (absent) return "absent";
  const alive = things.findLast(({ state }) => state !== "terminated");
  return alive === undefined ? "gone" : contractState(alive.state);
}
