import type { Check } from "../check.js";
import { byWorkspace } from "../view.js";

/** Fewer say nothing about the rest. */
const LEAST = 10;
/** Far less than the sweep needs that finds what nobody has woken. */
const MEDIAN_MS = 1_500;

export const prompt: Check = {
  name: "prompt",
  invariant: "I2",
  promise: `What waits for its turn begins, in most cases, within ${MEDIAN_MS / 1_000} s of it`,
  find({ sql }) {
    const waits = [...byWorkspace(sql.operations, (one) => one.workspace_id).values()].flatMap((all) => {
      const ran = all.filter((one) => one.started_at !== null).toSorted((a, b) => a.ticket - b.ticket);
      return ran.flatMap((one, n) => {
        const turn = ran[n - 1]?.finished_at ?? 0;
        return turn > one.created_at ? [one.started_at! - turn] : [];
      });
    });
    const median = waits.toSorted((a, b) => a - b)[Math.floor(waits.length / 2)] ?? 0;
    if (waits.length < LEAST || median <= MEDIAN_MS) return [];
    const what = `half of ${waits.length} operations that waited began ${Math.round(median)} ms after their turn had come, or later`;
    return [{ workspace: null, at: null, what }];
  },
};
