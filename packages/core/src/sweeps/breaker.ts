import { isTooMuch, type BreakerLimits } from "../domain/sweep.js";
import type { Approval, Held } from "../db/sweeps.js";
import type { Action, Plan } from "./sweep.js";

/** What a run may do, and what it leaves recorded for operators. */
export interface Decision {
  act: Action[];
  held: Omit<Held, "at"> | null;
}

/**
 * Lets through what is harmless, what is beyond doubt, what an operator has approved, and the rest unless it is too much at once:
 * then none of it. An approval is for the acts that were held when it was given; whatever else turns up is
 * judged by itself.
 */
export function decide(
  plan: Pick<Plan, "lookedAt" | "actions">,
  limits: BreakerLimits,
  approval: Approval | null,
): Decision {
  const approved = new Set(approval?.keys);
  const free = plan.actions.filter(
    ({ key, harmless, sure }) => harmless === true || sure === true || approved.has(key),
  );
  const judged = plan.actions.filter((action) => !free.includes(action));
  if (!isTooMuch(limits, plan.lookedAt, judged.length)) return { act: plan.actions, held: null };
  return {
    act: free,
    held: {
      looked_at: plan.lookedAt,
      would_act: judged.length,
      actions: judged.map(({ key, what, why }) => ({ key, what, why })),
    },
  };
}
