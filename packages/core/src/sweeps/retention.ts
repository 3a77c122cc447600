import { settleEvents } from "../db/events.js";
import { dropOldAbsences } from "../db/absences.js";
import { forgetKeys } from "../db/idempotency.js";
import { forgetDeadWorkers } from "../db/place-workers.js";
import { forgetOld } from "../db/retention.js";
import { trimSweepRuns } from "../db/sweeps.js";
import { defineSweep, type Action, type Sweep } from "./sweep.js";

const BATCH = 1_000;
const RUNS_KEPT = 1_000;
const WEEK_MS = 7 * 86_400_000;

/** Forgets finished operations, events, the audit log, runs of sweeps, and what of the ledger is long gone. */
export const retention: Sweep = defineSweep("retention", {
  async plan({ pool, settings }) {
    // While nobody reads events, those to be settled would grow without end.
    await settleEvents(pool);
    const old = (["operations", "bulk", "deliveries", "events", "audit", "ledger"] as const).map(
      (kind): Action => {
        const days = settings.keepDays[kind === "bulk" || kind === "deliveries" ? "operations" : kind];
        return {
          key: kind,
          what: `forget ${kind} older than ${days} days`,
          why: "they are kept for so long",
          async run(signal) {
            while (!signal.aborted) if ((await forgetOld(pool, kind, days, BATCH)) < BATCH) return "done";
            return "left";
          },
        };
      },
    );
    const runs: Action = {
      key: "sweep-runs",
      what: `forget all but the last ${RUNS_KEPT} runs of each sweep, in each place`,
      why: "they are kept for so long",
      async run() {
        await trimSweepRuns(pool, RUNS_KEPT);
        return "done";
      },
    };
    const keys: Action = {
      key: "idempotency-keys",
      what: "forget Idempotency-Keys older than a day",
      why: "they are kept for so long",
      async run(signal) {
        while (!signal.aborted) if ((await forgetKeys(pool, BATCH)) < BATCH) return "done";
        return "left";
      },
    };
    const absences: Action = {
      key: "absences",
      what: "forget what was missing at its provider, and that nobody has asked for in a week",
      why: "its end was proven, or it isn't there any more for anybody",
      async run(signal) {
        while (!signal.aborted) if ((await dropOldAbsences(pool, WEEK_MS, BATCH)) < BATCH) return "done";
        return "left";
      },
    };
    const workers: Action = {
      key: "place-workers",
      what: "forget workers that have said nothing for a week",
      why: "they died without a word",
      async run() {
        await forgetDeadWorkers(pool, WEEK_MS);
        return "done";
      },
    };
    return { lookedAt: old.length + 4, actions: [...old, runs, keys, absences, workers] };
  },
});
