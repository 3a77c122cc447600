import { insertEvents } from "../db/events.js";
import { noteChecked, overdueStarts, type Overdue } from "../db/sweep-queries.js";
import { listeningFor } from "../db/heartbeats.js";
import { markReleasing } from "../db/resources.js";
import { changeStatuses, getWorkspace, type Workspace } from "../db/workspaces.js";
import { hasCompute } from "../domain/backend.js";
import { newEvent } from "../domain/events.js";
import { LISTENER_GONE_MS } from "../agents/heartbeat.js";
import { whileIdle } from "../operations/idle.js";
import type { HeldContext } from "../operations/step.js";
import { defineSweep, type Sweep } from "./sweep.js";

/**
 * A workspace whose agent never comes, or that is `provisioning` with no operation that would end it, fails
 * with the reason. Its instance is released like that of any launch given up; its volume stays. One that runs elsewhere is
 * `offline` instead: Berth has nothing to give up, and its agent may be heard at any time.
 */
export const provisioningTimeout: Sweep = defineSweep("provisioning-timeout", {
  async plan(deps) {
    const limitMs = deps.settings.provisioningTimeoutMs;
    // An agent that nobody listens to can't register.
    const listeningMs = (await listeningFor(deps.pool, LISTENER_GONE_MS)) ?? 0;
    const { starting, overdue } = await overdueStarts(
      deps.pool,
      { limitMs, listeningMs },
      provisioningTimeout.limit,
    );
    return {
      lookedAt: starting,
      actions: overdue.map((one) => ({
        key: `${one.id}/${one.generation}`,
        what: `${hasCompute(one.backend) ? "fail" : "take offline"} workspace ${one.id}, which is ${one.status}`,
        why: reasonOf(one),
        // Only a word, which its agent takes back: however many they are, nobody need allow it (I13).
        harmless: !hasCompute(one.backend),
        async run(signal) {
          // Where it can't be failed either, the next run tries others first.
          await noteChecked(deps.pool, [one.id]);
          return (await whileIdle(deps, one, signal, (context) => fail(one, context))) ?? "busy";
        },
      })),
    };
  },
});

async function fail(one: Overdue, context: HeldContext): Promise<string> {
  const now = await getWorkspace(context.db, one.id);
  if (now?.status !== one.status || now.generation !== one.generation) return "changed";
  const reason = reasonOf(one);
  if (!hasCompute(one.backend)) return takeOffline(one, now, reason, context);
  await context.fenced(async (tx) => {
    await changeStatuses(tx, [{ id: one.id, status: "failed", reason }]);
    await markReleasing(tx, [one.id], ["instance"]);
    await insertEvents(tx, [
      {
        event_type: "workspace.failed",
        workspace_id: one.id,
        payload: {
          reason: "provisioning_timeout",
          message: reason,
          from: one.status,
          waited_ms: one.waited_ms,
        },
      },
    ]);
  });
  return "timed_out";
}

async function takeOffline(
  { id, status, generation, waited_ms: silentMs }: Overdue,
  { instance_id: instanceId }: Workspace,
  reason: string,
  context: HeldContext,
): Promise<string> {
  await context.fenced(async (tx) => {
    await changeStatuses(tx, [{ id, status: "offline", reason }]);
    await insertEvents(tx, [
      newEvent("workspace.offline", id, {
        reason: "agent_never_heard",
        from: status,
        instance_id: instanceId,
        generation,
        requested_by: "provisioning-timeout",
        silent_ms: silentMs,
      }),
    ]);
  });
  return "offline";
}

function reasonOf({ status, waited_ms: waited }: Overdue): string {
  const seconds = Math.round(waited / 1000);
  return status === "awaiting_agent"
    ? `provisioning_timeout: no agent has registered within ${seconds} s`
    : `provisioning_timeout: no operation has been at work on it for ${seconds} s`;
}
