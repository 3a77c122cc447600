import type { Operation } from "@berth/core/db/operations";
import type { Gate } from "@berth/core/gate/gate";
import { LeaseLostError } from "@berth/core/gate/verdict";
import { figuresOf } from "@berth/core/metrics/figures";
import type { createRunner } from "@berth/core/operations/runner";
import type { Registry } from "prom-client";

type Run = ReturnType<typeof createRunner>;
type OnStep = (operation: Operation, step: string, moment: "before" | "after") => void;

/** What this worker does with operations, seen from around the runner and the gate. */
export function operationFigures(registry: Registry) {
  const { counter, histogram } = figuresOf(registry);
  const started = counter(
    "berth_operations_started_total",
    "Operations whose first attempt began here.",
    "kind",
  );
  const waits = histogram(
    "berth_operation_wait_seconds",
    "From an operation's acceptance to its first attempt.",
    "kind",
  );
  const attempts = counter(
    "berth_operation_attempts_total",
    "Times that an operation was taken up here, by what came of it: succeeded, failed, cancelled, retry (it is tried once more), waiting (for its provider), handed_back or lost (to another worker).",
    "kind",
    "outcome",
  );
  const attemptTimes = histogram(
    "berth_operation_attempt_duration_seconds",
    "How long such a time took.",
    "kind",
  );
  const ended = counter("berth_operations_ended_total", "Operations that ended here.", "kind", "outcome");
  const runs = histogram(
    "berth_operation_run_seconds",
    "From an operation's first attempt to its end, by this worker's clock.",
    "kind",
    "outcome",
  );
  const coalesced = counter(
    "berth_operations_coalesced_total",
    "Requests that were served by an operation of others, counted when it ends.",
    "kind",
  );
  const takeovers = counter(
    "berth_operation_takeovers_total",
    "Times that a worker went on with what another had left, counted when the operation ends.",
    "kind",
  );
  const steps = histogram(
    "berth_step_duration_seconds",
    "How long a step took; one that wasn't passed counts until its attempt ended.",
    "kind",
    "step",
    "passed",
  );
  const fences = counter(
    "berth_fences_refused_total",
    "Records that were refused since the gate was no longer held (what they were).",
    "write",
  );
  const under = new Map<string, { step: string; since: number }>();

  const pass = ({ id, kind }: Operation, passed: boolean): void => {
    const at = under.get(id);
    if (at === undefined) return;
    under.delete(id);
    steps.observe({ kind, step: at.step, passed: String(passed) }, (performance.now() - at.since) / 1_000);
  };
  const fenced =
    <Given extends unknown[], T>(write: string, work: (...given: Given) => Promise<T>) =>
    async (...given: Given): Promise<T> => {
      try {
        return await work(...given);
      } catch (error) {
        if (error instanceof LeaseLostError) fences.inc({ write });
        throw error;
      }
    };

  return {
    gate: (gate: Gate): Gate => ({
      ...gate,
      fenced: (hold, work, phase) => fenced("step", () => gate.fenced(hold, work, phase))(),
      finish: fenced("finish", gate.finish),
      retryLater: fenced("retry", gate.retryLater),
      wait: fenced("wait", gate.wait),
      handBack: fenced("hand_back", gate.handBack),
    }),
    onStep:
      (next?: OnStep): OnStep =>
      (operation, step, moment) => {
        if (moment === "before") under.set(operation.id, { step, since: performance.now() });
        else pass(operation, true);
        next?.(operation, step, moment);
      },
    run:
      (run: Run): Run =>
      async (claimed, shutdown) => {
        const { operation } = claimed;
        const { kind } = operation;
        const isFirst =
          operation.attempt === 1 && operation.waiting_since === null && operation.takeovers === 0;
        if (isFirst) {
          started.inc({ kind });
          waits.observe({ kind }, secondsBetween(operation.created_at, operation.started_at));
        }
        const begun = performance.now();
        const outcome = await run(claimed, shutdown);
        const seconds = (performance.now() - begun) / 1_000;
        pass(operation, false);
        attempts.inc({ kind, outcome: outcome.kind });
        attemptTimes.observe({ kind }, seconds);
        if (outcome.kind !== "succeeded" && outcome.kind !== "failed" && outcome.kind !== "cancelled")
          return outcome;
        ended.inc({ kind, outcome: outcome.kind });
        const total = isFirst ? seconds : secondsBetween(operation.started_at, new Date());
        runs.observe({ kind, outcome: outcome.kind }, total);
        coalesced.inc({ kind }, operation.coalesced - 1);
        takeovers.inc({ kind }, operation.takeovers);
        return outcome;
      },
  };
}

function secondsBetween(from: Date | null, to: Date | null): number {
  return from === null || to === null ? 0 : Math.max(0, (to.getTime() - from.getTime()) / 1_000);
}
