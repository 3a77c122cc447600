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
  return new Map(
    instances.map((ref, index) => {
      const answer = answers[index]!;
      return [ref.resourceId, answer.status === "fulfilled" ? answer.value : "unknown"];
    }),
  );
}

async function stateOf(ec2: Ec2, ref: InstanceRef, caller: Caller): Promise<InstanceState> {
  const { things, doubt } = await findInstances(ec2, ref, caller);
  if (doubt !== null) return "unknown";
  const alive = things.findLast(({ state }) => state !== "terminated");
  return alive === undefined ? "gone" : contractState(alive.state);
}
