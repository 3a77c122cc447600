import { pause } from "./backoff.js";
import type { Calls } from "./calls.js";
import { BerthError } from "./errors.js";
import { limit } from "./limit.js";
import type { Operation, Status, Workspace } from "./types.js";

export interface WaitOptions<Seen = Workspace | Operation> {
  /** At most so long, in ms; 5 minutes unless given. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** How long Berth is asked to wait at a time, in s: 30 unless given. */
  roundS?: number;
  /** Told after each round what is waited for, as it is then. */
  onRound?: (seen: Seen) => void;
}

const TIMEOUT_MS = 300_000;
/** How long Berth is asked to wait at a time: less than what proxies usually allow. */
const ROUND_S = 30;
/** A Berth that answers at once, since it is ending or can't wait, isn't asked without a pause. */
const ROUND_AT_LEAST_MS = 200;

/** Waits until a workspace has one of these statuses. @throws BerthError `timed_out`, or `removed` */
export async function waitForStatus(
  { GET }: Calls,
  id: string,
  wanted: readonly Status[],
  options: WaitOptions<Workspace>,
): Promise<Workspace> {
  return rounds(options, `workspace ${id} to be ${wanted.join(" or ")}`, async (prefer, signal) => {
    const params = { path: { id }, query: { wait_for: [...wanted] }, header: { prefer } };
    const { data: workspace } = await GET("/workspaces/{id}", { params, signal });
    const { status } = workspace;
    if (status === "removed" && !wanted.includes(status))
      throw new BerthError("removed", `workspace ${id} is removed, and will never be ${wanted.join(" or ")}`);
    return { done: wanted.includes(status), value: workspace, state: status };
  });
}

/** Waits until an operation has ended, in whatever state. @throws BerthError `timed_out` */
export async function waitForOperation(
  { GET }: Calls,
  id: string,
  options: WaitOptions<Operation>,
): Promise<Operation> {
  return rounds(options, `operation ${id} to end`, async (prefer, signal) => {
    const { data: operation } = await GET("/operations/{id}", {
      params: { path: { id }, header: { prefer } },
      signal,
    });
    return { done: operation.finished_at !== null, value: operation, state: operation.state };
  });
}

async function rounds<T>(
  { timeoutMs = TIMEOUT_MS, signal, roundS = ROUND_S, onRound }: WaitOptions<T>,
  what: string,
  ask: (prefer: string, signal: AbortSignal) => Promise<{ done: boolean; value: T; state: string }>,
): Promise<T> {
  const within = limit(signal, timeoutMs);
  let state = "";
  try {
    for (;;) {
      const began = performance.now();
      const seen = await ask(`wait=${roundS}`, within.signal);
      onRound?.(seen.value);
      if (seen.done) return seen.value;
      state = seen.state;
      await pause(Math.max(0, began + ROUND_AT_LEAST_MS - performance.now()), within.signal);
    }
  } catch (error) {
    if (error instanceof BerthError || !within.late() || signal?.aborted === true) throw error;
    const now = state === "" ? "" : `; it is ${state}`;
    throw new BerthError("timed_out", `waited ${timeoutMs / 1_000} s for ${what}${now}`, { cause: error });
  } finally {
    within.end();
  }
}
