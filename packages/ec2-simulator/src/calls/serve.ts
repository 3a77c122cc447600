import { setTimeout as sleep } from "node:timers/promises";
import { AwsError } from "../errors.js";
import type { Fault, FaultTarget } from "../faults/fault.js";
import { scaleOf, type Cost, type TokenBuckets } from "../limits/buckets.js";
import type { World } from "../world.js";
import type { Call, CallLog } from "./log.js";

/** A call that has been understood so far that faults and limits can be applied to it. */
export interface PendingCall<Result> {
  entry: Pick<Call, "service" | "action" | "key" | "region" | "params">;
  /** Asked again after a delay, since instances may have changed. */
  target: () => FaultTarget;
  cost: Cost;
  buckets: () => TokenBuckets;
  throttled: () => AwsError;
  run: (effects: string[]) => Result;
}

export type Outcome<Result> =
  | { kind: "ok"; result: Result }
  | { kind: "error"; error: AwsError }
  | { kind: "dropped" }
  /** Something on the way answered in place of the service. */
  | { kind: "html"; status: number };

/**
 * Carries out a call under the faults and limits that are set, and logs it. Faults that keep a call from
 * having an effect come first, then the token buckets, then the action, then the loss of its reply.
 */
export async function serve<Result>(
  world: World,
  log: CallLog,
  call: PendingCall<Result>,
): Promise<Outcome<Result>> {
  const delays = await holdUp(world, call);
  world.schedule.settle();
  const effects: string[] = [];
  const record = (outcome: string, status: number | null, fault: Fault | null): void =>
    log.record({
      ...call.entry,
      at: world.clock.now(),
      outcome,
      status,
      effect: effects.join("; "),
      fault: (fault ?? delays[0])?.id ?? null,
    });
  let fault: Fault | null = null;
  try {
    fault = world.faults.fire("html", call.target());
    if (fault) {
      const { status = 502 } = fault;
      record("html", status, fault);
      return { kind: "html", status };
    }
    fault = world.faults.fire("drop_before", call.target());
    if (!fault) {
      fault = refusal(world, call);
      if (fault) throw errorOf(fault, call);
      takeTokens(world, call);
      const result = call.run(effects);
      fault = world.faults.fire("drop_after", call.target());
      if (!fault) {
        record("ok", 200, null);
        return { kind: "ok", result };
      }
    }
    record("dropped", null, fault);
    return { kind: "dropped" };
  } catch (thrown) {
    const error = asAwsError(thrown);
    record(error.code, error.status, fault);
    return { kind: "error", error };
  }
}

async function holdUp<Result>(world: World, call: PendingCall<Result>): Promise<Fault[]> {
  if (!world.faults.awaits("latency")) return [];
  const delays = world.faults.fireAll("latency", call.target());
  const ms = delays.reduce((sum, delay) => sum + (delay.ms ?? 0), 0);
  if (ms > 0) await sleep(ms);
  return delays;
}

function refusal<Result>(world: World, call: PendingCall<Result>): Fault | null {
  const target = call.target();
  for (const kind of ["throttle", "error", "page"] as const) {
    const fault = world.faults.fire(kind, target);
    if (fault) return fault;
  }
  return null;
}

function errorOf<Result>(fault: Fault, call: PendingCall<Result>): AwsError {
  if (fault.kind === "throttle") {
    const { code, message, status } = call.throttled();
    return new AwsError(code, fault.message ?? message, status);
  }
  if (fault.kind === "page") return new AwsError("InternalError", "An internal error has occurred");
  const code = fault.code ?? "InternalError";
  return new AwsError(code, fault.message ?? "An internal error has occurred", fault.status);
}

/** @throws AwsError if a bucket is empty. */
function takeTokens<Result>(world: World, call: PendingCall<Result>): void {
  const scale = scaleOf(world.settings.buckets);
  if (scale !== null && call.buckets().take(call.cost, world.clock.now(), scale) !== null)
    throw call.throttled();
}

/** Errors thrown on purpose as they are; a bug becomes what AWS says of its own, and is told on stderr. */
export function asAwsError(thrown: unknown): AwsError {
  if (thrown instanceof AwsError) return thrown;
  console.error("berth-ec2-simulator: a bug, please report it:", thrown);
  return new AwsError("InternalError", "An internal error has occurred");
}
