import { withDeadline } from "../base/deadline.js";
import { insertEvents } from "../db/events.js";
import { transaction } from "../db/pool.js";
import { beginSweep, endSweep, renewSweep, setHeld, type BegunRun, type Intent } from "../db/sweeps.js";
import { createLeaseKeeper } from "../gate/lease.js";
import { sweepKey } from "../domain/sweep.js";
import { decide, type Decision } from "./breaker.js";
import type { Action, Plan, Sweep, SweepDeps } from "./sweep.js";

/** How many acts go on at once: one that hangs until its time limit delays few. */
const LANES = 8;
/** How long after its worker has died another run may begin, in ms. */
const LEASE_MS = 15_000;

export type Counts = Record<string, number>;

/**
 * Runs a sweep once: looks, asks the breaker, acts in a few lanes. One act's failure is its own.
 * @returns its counts, or null if it wasn't its turn (another worker is at it, or it is paused).
 * @param place the one that it runs for, with a lease, a breaker and a record of its own; null: all that `deps` has
 * @throws what its look threw, after recording it: nothing was done.
 */
export async function runSweep(
  sweep: Sweep,
  deps: SweepDeps,
  owner: string,
  everyMs: number | null = null,
  place: string | null = null,
): Promise<Counts | null> {
  const name = sweepKey(sweep.name, place);
  if (deps.settings.paused.includes(sweep.name)) return null;
  const begunAt = performance.now();
  const begun = await beginSweep(deps.pool, {
    name,
    owner,
    leaseMs: LEASE_MS,
    everyMs,
  });
  if (begun === null) return null;
  const run = { name, runId: begun.runId };
  const lease = keepLease(deps, run, begunAt);
  try {
    const { counts, plan } = await withDeadline(sweep.runLimitMs, [deps.signal, lease.signal], (signal) =>
      lookAndAct(sweep, place, { ...deps, signal }, begun),
    );
    await endSweep(deps.pool, run, { counts, cursor: plan.cursor ?? null, error: null });
    return counts;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    await endSweep(deps.pool, run, { counts: {}, cursor: begun.cursor, error: message }).catch(
      () => undefined,
    );
    throw error;
  } finally {
    lease.drop();
  }
}

/** Renews a run's lease until it is dropped; its signal aborts when the lease is lost. */
function keepLease(
  { pool, logger }: SweepDeps,
  run: { name: string; runId: number },
  begunAt: number,
): { signal: AbortSignal; drop(): void } {
  const operationId = `${run.name}/${run.runId}`;
  const keeper = createLeaseKeeper<{ operationId: string }>({
    leaseMs: LEASE_MS,
    renew: async () =>
      (await renewSweep(pool, run, LEASE_MS)) ? [{ operation_id: operationId, cancel_requested: false }] : [],
    onError: (error) => logger.debug({ err: error, sweep: run.name }, "a sweep's lease was not renewed"),
  });
  const { signal } = keeper.keep({ operationId }, begunAt);
  return { signal, drop: () => keeper.close() };
}

async function lookAndAct(
  sweep: Sweep,
  place: string | null,
  deps: SweepDeps,
  begun: BegunRun,
): Promise<{ counts: Counts; plan: Plan }> {
  const plan = await sweep.plan(deps, begun.cursor, begun.sinceLastEndMs);
  const counts: Counts = { looked_at: plan.lookedAt, would_act: plan.actions.length, ...plan.notes };
  if (deps.settings.dryRun.includes(sweep.name)) {
    for (const { key, what, why } of plan.actions)
      deps.logger.info({ sweep: sweep.name, key, what, why }, "dry run");
    return { counts: { ...counts, dry_run: 1 }, plan };
  }
  deps.signal.throwIfAborted();
  const decision = sweep.breaker
    ? decide(plan, deps.settings.breaker, begun.approval)
    : { act: plan.actions, held: null };
  await plan.record?.(new Set(decision.held?.actions.map(({ key }) => key)));
  await recordDecision(sweep, place, deps, begun, decision);
  if (decision.held !== null) counts["held"] = decision.held.would_act;
  const outcomes = await actOn(decision.act.slice(0, sweep.limit), sweep, deps);
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return { counts, plan };
}

async function actOn(actions: readonly Action[], sweep: Sweep, deps: SweepDeps): Promise<string[]> {
  const waiting = [...actions];
  const outcomes: string[] = [];
  const lane = async (): Promise<void> => {
    for (let action = waiting.shift(); action !== undefined; action = waiting.shift()) {
      // What isn't done when the time is up is the next run's.
      if (deps.signal.aborted) return void outcomes.push("left");
      try {
        outcomes.push(await action.run(deps.signal));
      } catch (error) {
        if (deps.signal.aborted) return void outcomes.push("left");
        outcomes.push("failed");
        deps.logger.warn({ err: error, sweep: sweep.name, key: action.key }, "an act of a sweep failed");
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(LANES, actions.length) }, lane));
  return outcomes;
}

/** One event when the breaker begins to hold, and one when it lets go. */
async function recordDecision(
  sweep: Sweep,
  place: string | null,
  deps: SweepDeps,
  begun: BegunRun,
  { held }: Decision,
): Promise<void> {
  if (held === null && begun.held === null) return;
  const where = place === null ? {} : { place };
  await transaction(deps.pool, async (tx) => {
    await setHeld(tx, sweepKey(sweep.name, place), held);
    if (held !== null && begun.held === null)
      await insertEvents(tx, [
        {
          event_type: "sweep.held",
          workspace_id: null,
          payload: {
            sweep: sweep.name,
            ...where,
            looked_at: held.looked_at,
            would_act: held.would_act,
            actions: held.actions.slice(0, 20),
          },
        },
      ]);
    if (held === null && begun.held !== null)
      await insertEvents(tx, [
        {
          event_type: "sweep.released",
          workspace_id: null,
          payload: { sweep: sweep.name, ...where, approved_by: begun.approval?.by ?? null },
        },
      ]);
  });
}

/** What a sweep would do now, and why. Changes nothing, not even what it remembers of this look. */
export async function dryRun(
  sweep: Sweep,
  deps: SweepDeps,
): Promise<{ looked_at: number; would_hold: boolean; actions: Intent[] }> {
  const plan = await sweep.plan(deps, null, null);
  const held = sweep.breaker ? decide(plan, deps.settings.breaker, null).held : null;
  return {
    looked_at: plan.lookedAt,
    would_hold: held !== null,
    actions: plan.actions.map(({ key, what, why }) => ({ key, what, why })),
  };
}
