import { BackendError } from "../backend-error.js";
import type { Caller, Ec2 } from "./context.js";
import { pollEc2 } from "./pause.js";
import type { SeenInstance } from "./seen.js";
import { typeName } from "./wanted.js";

/**
 * Waits until the instance runs. That it can't be seen right after its launch means nothing (docs/ec2-facts.md,
 * Eventual consistency).
 * @returns null if the caller's patience ends first
 * @throws BackendError `start_failed` with the StateReason if it ended instead, `backend_timeout`
 */
export async function untilRunning(ec2: Ec2, id: string, caller: Caller): Promise<SeenInstance | null> {
  const { startTimeoutMs } = ec2.options;
  let last = "not visible yet";
  const running = await pollEc2(Math.min(startTimeoutMs, caller.patienceMs), caller.signal, async () => {
    const seen = await ec2.lookups.instance(id, caller);
    if (seen === null) return null;
    last = seen.state;
    requireUnended(ec2, seen);
    return seen.state === "pending" ? null : seen;
  });
  if (running === null && caller.patienceMs >= startTimeoutMs)
    throw new BackendError(
      "backend_timeout",
      "transient",
      `${id} is ${last} and not running ${Math.round(startTimeoutMs / 1000)} s after its launch`,
      { providerCode: last },
    );
  return running;
}

/** @throws BackendError `start_failed` if it has ended since */
export async function stillThere(ec2: Ec2, id: string, caller: Caller): Promise<void> {
  const seen = await ec2.lookups.instance(id, caller);
  if (seen !== null) requireUnended(ec2, seen);
}

function requireUnended(ec2: Ec2, { id, state, reason, reasonText, type, az }: SeenInstance): void {
  if (state !== "shutting-down" && state !== "terminated") return;
  // Accepted first and then without room: the next attempt tries elsewhere.
  if (reason === "Server.InsufficientInstanceCapacity" && az !== null)
    ec2.capacity.note(
      { lack: "no_room", scope: "pair", code: reason, message: reasonText ?? reason },
      typeName(type),
      az,
    );
  throw new BackendError(
    "start_failed",
    "transient",
    `${id} was ended before it was up: ${reasonText ?? reason ?? "no reason given"}`,
    { providerCode: reason ?? state },
  );
}
