import { isEndedFromOutside } from "../domain/ends.js";
import type { InstanceState } from "../compute/backend.js";
import { BackendError } from "../compute/backend-error.js";
import { markGone, type OpenResource } from "../db/resources.js";
import { clearInstance } from "../db/workspaces.js";
import { awaitProvider, giveBackSlot } from "./patience.js";
import { instanceRef } from "../db/refs.js";
import { callOf, type Step, type StepContext } from "./step.js";
import { untilGone } from "./stop.js";
import { find } from "./ledger.js";
import { lastLinesOf } from "./secrets.js";

const PROBE_PACE = { firstMs: 50, longestMs: 1_000 };

/**
 * Waits until the instance runs. One that ended instead is cleared away, so that the next attempt launches
 * afresh and doesn't adopt a corpse.
 */
export const waitUntilRunning: Step = {
  name: "wait",
  async run(context) {
    const row = await find(context, "instance");
    if (row === undefined) throw new Error("`launch` runs before `wait`");
    const ref = instanceRef(row);
    const limitMs = context.limits.startTimeoutMs;
    let last: InstanceState = "unknown";
    const ending = await awaitProvider(
      context,
      {
        waitsFor: "start",
        limitMs,
        pace: PROBE_PACE,
        timedOut: () =>
          new BackendError(
            "backend_timeout",
            "transient",
            `the instance is ${last} and not running after ${Math.round(limitMs / 1000)} s`,
          ),
      },
      async () => {
        last = (await context.backend.probe([ref], callOf(context))).get(ref.resourceId) ?? "unknown";
        return last === "running" || last === "stopped" || last === "gone" ? last : null;
      },
    );
    if (ending !== "running") throw await endedEarly(context, row, ending);
  },
};

/** It was launched and isn't up yet: it is asked for again. @throws WaitingError, BackendError */
export function untilUp(context: StepContext, providerId: string): Promise<never> {
  const limitMs = context.limits.startTimeoutMs;
  return giveBackSlot(
    context,
    {
      waitsFor: "launch",
      limitMs,
      timedOut: () =>
        new BackendError(
          "backend_timeout",
          "transient",
          `${providerId} is not running ${Math.round(limitMs / 1000)} s after its launch`,
        ),
    },
    0,
  );
}

/** Clears away an instance that ended before it was up. @returns what to fail with: its reason and last lines */
async function endedEarly(
  context: StepContext,
  row: OpenResource,
  state: InstanceState,
): Promise<BackendError> {
  const ref = instanceRef(row);
  const lines = await lastLinesOf(context, ref).catch(() => "");
  await clearAway(context, row);
  const reason = context.backend.reasonOf?.(ref) ?? null;
  const said = lines.trim().slice(-500);
  const why = reason === null ? "" : `: ${reason}`;
  const last = said === "" ? "" : `; its last lines: ${said}`;
  return new BackendError("start_failed", "transient", `the instance ended before it was up${why}${last}`, {
    providerCode: reason ?? state,
    // A program that ends by itself does so again.
    passing: isEndedFromOutside(reason, false),
  });
}

async function clearAway(context: StepContext, row: OpenResource): Promise<void> {
  await untilGone(context, row);
  context.ledger.gone(row);
  await context.later(async (tx) => {
    await markGone(tx, row.id);
    await clearInstance(tx, context.workspace.id);
  });
}
