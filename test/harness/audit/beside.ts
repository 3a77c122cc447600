import { isFair, percentile } from "./figures.js";
import { HOSTILE, type RunRecord } from "./record.js";

/** Times of the clients, whose tenants mean well: p95 in ms before the hostile one began, and beside it. */
export interface Beside {
  before: number;
  beside: number;
}

/** How long answers and operations of the others took, of this very run; null: nobody meant ill. */
export function besideHostile({
  about,
  calls,
  faults,
  sql,
}: RunRecord): { answers: Beside; operations: Beside } | null {
  const { attackedAt, faultsEndedAt } = about;
  if (attackedAt === null) return null;
  const both = (times: readonly { at: number; took: number }[]): Beside => {
    const p95 = (of: (at: number) => boolean) =>
      percentile(
        times.filter(({ at }) => of(at)).map(({ took }) => took),
        0.95,
      );
    return {
      before: p95((at) => at < attackedAt),
      beside: p95((at) => at >= attackedAt && at < faultsEndedAt),
    };
  };
  const hostile = new Set(sql.workspaces.filter(({ name }) => name.startsWith(HOSTILE)).map(({ id }) => id));
  return {
    answers: both(
      calls
        .filter((call) => call.kind !== "beat" && call.status > 0 && isFair(call, faults))
        .map(({ asked, answered }) => ({ at: asked, took: answered - asked })),
    ),
    operations: both(
      sql.operations.flatMap(({ workspace_id, state, source, created_at, finished_at }) =>
        hostile.has(workspace_id) || state !== "succeeded" || source !== "api" || finished_at === null
          ? []
          : [{ at: created_at, took: finished_at - created_at }],
      ),
    ),
  };
}
