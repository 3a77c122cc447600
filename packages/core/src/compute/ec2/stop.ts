import type { InstanceRef } from "../backend.js";
import { BackendError } from "../backend-error.js";
import type { Caller, Ec2 } from "./context.js";
import { findInstances } from "./identity.js";
import { pause, pollEc2 } from "./pause.js";
import type { SeenInstance } from "./seen.js";

/**
 * See `Backend.stop`. A 2xx of TerminateInstances proves nothing: only an answer that shows `terminated` does, or
 * that it has been missing from clean answers for long enough, now twice some time apart (I4).
 * @throws BackendError
 */
export async function stopInstance(ec2: Ec2, ref: InstanceRef, caller: Caller): Promise<"gone" | "stopping"> {
  const first = await findInstances(ec2, ref, caller);
  if (first.things.length === 0) {
    if (first.doubt !== null) return "stopping";
    // It was never asked for.
    if (ref.providerId === null && ref.details["request"] === undefined) return "gone";
    if (first.absent && !(await ec2.absence.lasting([ref.resourceId])).has(ref.resourceId)) return "stopping";
    await pause(ec2.options.settleMs / 4, caller.signal);
    const second = await findInstances(ec2, ref, caller);
    return second.things.length === 0 && second.doubt === null ? "gone" : "stopping";
  }
  await ec2.absence.seen([ref.resourceId]);
  await askForEnd(ec2, first.things, caller);
  const gone = await pollEc2(
    Math.min(ec2.options.stopGraceMs, caller.patienceMs),
    caller.signal,
    async () => {
      const { things } = await findInstances(ec2, ref, caller);
      return things.length > 0 && things.every(({ state }) => state === "terminated") ? true : null;
    },
  );
  return gone === true ? "gone" : "stopping";
}

/** Ends an instance that lost a race, and waits for it. @throws BackendError if that can't be proven in time */
export async function undo(ec2: Ec2, instance: SeenInstance, caller: Caller): Promise<void> {
  await askForEnd(ec2, [instance], caller);
  const gone = await pollEc2(ec2.options.startTimeoutMs, caller.signal, async () => {
    const seen = await ec2.lookups.instance(instance.id, caller);
    return seen?.state === "terminated" ? true : null;
  });
  if (gone !== true)
    throw new BackendError(
      "backend_timeout",
      "transient",
      `${instance.id} was to go again and isn't gone yet`,
    );
}

async function askForEnd(
  ec2: Ec2,
  things: readonly SeenInstance[],
  { priority, signal }: Caller,
): Promise<void> {
  const alive = things.filter(({ state }) => state !== "terminated" && state !== "shutting-down");
  // It is asked for in one call with others, and goes on without this caller.
  const asked = Promise.all(alive.map(({ id }) => ec2.terminate(id, priority))).catch((error: unknown) => {
    // Not visible to this call: no proof of anything. What comes next looks again.
    if (error instanceof BackendError && error.providerCode?.startsWith("InvalidInstanceID.NotFound")) return;
    throw error;
  });
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => reject(new BackendError("aborted", "transient", "the stop was given up"));
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    asked.then(() => resolve(), reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
