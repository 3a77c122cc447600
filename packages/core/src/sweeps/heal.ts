import { insertEvents } from "../db/events.js";
import { newEvent, type EventPayload, type EventType, type NewEvent } from "../domain/events.js";
import { getWorkspace, changeStatuses, type Workspace } from "../db/workspaces.js";
import { failingFor, noteAutoRestart, restartAllowance, type DueRestart } from "../db/auto-restarts.js";
import { unfinishedOf } from "../db/operations.js";
import { markReleasing } from "../db/resources.js";
import type { Tx } from "../db/pool.js";
import type { Source } from "../domain/operation.js";
import { SHOULD_RUN } from "../domain/status.js";
import { hasCompute } from "../domain/backend.js";
import { retryDelay, type RetryPolicy } from "../domain/backoff.js";
import { whileIdle, type IdleOptions } from "../operations/idle.js";
import { requestedEvent } from "../requests/accept.js";
import { enqueue } from "../requests/enqueue.js";
import type { HeldContext } from "../operations/step.js";

/** When Berth restarts by itself. Times in ms. */
export interface AutoRestartPolicy {
  /** No restart sooner than this after a launch. */
  debounceMs: number;
  /** Restarts in one window before it counts as a crash loop. */
  limit: number;
  windowMs: number;
  /** The wait after the launch of each further restart in a window. */
  backoff: RetryPolicy;
  /** For how long restarts that fail for a cause that may pass are tried again. */
  giveUpAfterMs: number;
}

export interface HealOptions extends IdleOptions {
  autoRestart: AutoRestartPolicy;
  /** Attempts that the restart has. */
  maxAttempts: number;
}

/** Why a workspace is taken for dead. */
export interface Finding {
  workspaceId: string;
  /** The incarnation that was found dead: the finding says nothing about any other (I9). */
  generation: number;
  source: Source;
  /** Name of the sweep. */
  requestedBy: string;
  /** A word for the status's reason, and for events. */
  reason: string;
  /** True if its program isn't to blame: this is no crash, and counts for no crash loop. */
  blameless?: boolean;
  detail: Record<string, unknown>;
  /** Why its instance ended, as the provider tells it. */
  providerReason?: string | null;
  /**
   * The last look, under the gate: null if it is dead all the same, else a word for why nothing is done.
   */
  veto(context: HeldContext, workspace: Workspace): Promise<string | null>;
}

/** `offline`: a restart must wait; `restarting`; `crash_loop`: given up; else why nothing was done. */
export type Healed = "restarting" | "offline" | "crash_loop" | "busy" | (string & {});

/**
 * Takes a workspace whose instance is dead, or whose agent is silent, offline and, if it isn't external,
 * restarts it with its volume: at once, or after the debounce and backoff of its earlier restarts, or never again if they were
 * too many. All of it in one transaction under the workspace's gate, with no operation unfinished (I1).
 */
export async function heal(
  options: HealOptions,
  workspace: { id: string; place: string },
  finding: Finding,
  stop: AbortSignal,
): Promise<Healed> {
  const healed = await whileIdle(options, workspace, stop, async (context) => {
    const now = await getWorkspace(context.db, workspace.id);
    if (now === null || now.generation !== finding.generation || !SHOULD_RUN.includes(now.status))
      return "changed";
    const veto = await finding.veto(context, now);
    if (veto !== null) return veto;
    context.check();
    return context.fenced((tx) => takeOffline(options, tx, now, finding));
  });
  return healed ?? "busy";
}

async function takeOffline(
  options: HealOptions,
  tx: Tx,
  workspace: Workspace,
  finding: Finding,
): Promise<Healed> {
  const { autoRestart } = options;
  const told = finding.providerReason ? `${finding.reason}: ${finding.providerReason}` : finding.reason;
  const event = <T extends EventType>(
    type: T,
    payload: Omit<EventPayload<T>, "requested_by" | "generation">,
  ): NewEvent => {
    const of = { requested_by: finding.requestedBy, generation: workspace.generation };
    return newEvent(type, workspace.id, { ...of, ...payload } as unknown as EventPayload<T>);
  };
  // A request that came while the gate was held will see to it, or wants something else.
  if ((await unfinishedOf(tx, [workspace.id])).length > 0) return "busy";
  const allowance = await restartAllowance(tx, workspace.id, autoRestart.windowMs);
  const events: NewEvent[] = [];
  // It died since a restart of it failed for a cause of its own, and has its next try.
  const blameless = finding.blameless === true || workspace.restart_tries > 0;
  if (workspace.status !== "offline")
    events.push(
      event("workspace.offline", {
        reason: finding.reason,
        from: workspace.status,
        instance_id: workspace.instance_id,
        ...finding.detail,
      }),
    );
  if (!hasCompute(workspace.backend)) {
    await changeStatuses(tx, [{ id: workspace.id, status: "offline", reason: told }]);
    await insertEvents(tx, events);
    return "offline";
  }
  if (!blameless && allowance.restarts >= autoRestart.limit) {
    const why = `crash_loop: ${allowance.restarts} restarts did not help; last: ${told}`;
    await changeStatuses(tx, [{ id: workspace.id, status: "failed", reason: why }]);
    // What is given up leaves nothing running; its volume stays.
    await markReleasing(tx, [workspace.id], ["instance"]);
    events.push(
      event("workspace.crash_loop", { restarts: allowance.restarts, window_ms: autoRestart.windowMs }),
      event("workspace.failed", { reason: "crash_loop", message: why }),
    );
    await insertEvents(tx, events);
    return "crash_loop";
  }
  const waitMs = Math.max(
    autoRestart.debounceMs,
    allowance.restarts === 0 ? 0 : retryDelay(autoRestart.backoff, allowance.restarts, 0),
  );
  const restMs = Math.max(
    allowance.launchedMsAgo === null ? 0 : waitMs - allowance.launchedMsAgo,
    allowance.nextRestartInMs ?? 0,
  );
  await changeStatuses(tx, [
    {
      id: workspace.id,
      status: "offline",
      reason: told,
      ...(restMs > 0 ? { restart_in_ms: restMs } : {}),
    },
  ]);
  if (restMs > 0) {
    await insertEvents(tx, events);
    return "offline";
  }
  const operation = await enqueue(tx, options, workspace.id, "restart", finding);
  if (!blameless) await noteAutoRestart(tx, workspace.id, allowance.restarts + 1);
  const why = { reason: finding.reason, generation: workspace.generation };
  events.push(requestedEvent(operation, finding, why));
  await insertEvents(tx, events);
  return "restarting";
}

/**
 * Tries once more to restart a workspace of which nothing runs, since its last restart failed for a cause that may have
 * passed; or fails it, if that has gone on for too long.
 */
export async function restartAgain(
  options: HealOptions,
  due: DueRestart,
  sweep: string,
  stop: AbortSignal,
): Promise<Healed> {
  const tried = await whileIdle(options, due, stop, (context) =>
    context.fenced(async (tx) => {
      const now = await getWorkspace(tx, due.id);
      if (now?.status !== "offline" || now.generation !== due.generation || now.next_restart_at === null)
        return "changed";
      if ((await unfinishedOf(tx, [due.id])).length > 0) return "busy";
      const reason = now.status_reason ?? "offline";
      const failingMs = await failingFor(tx, due.id);
      if (failingMs !== null && failingMs > options.autoRestart.giveUpAfterMs) {
        const hours = Math.round(failingMs / 3_600_000);
        const message = `given up after ${now.restart_tries} restarts in ${hours} h; the last: ${reason}`;
        await changeStatuses(tx, [{ id: due.id, status: "failed", reason: message }]);
        await markReleasing(tx, [due.id], ["instance"]);
        await insertEvents(tx, [
          newEvent("workspace.failed", due.id, { reason: "restarts_given_up", message }),
        ]);
        return "given_up";
      }
      // What was allowed then is still wanted (I14).
      const requester = { source: "reconciler", requestedBy: sweep, newVolume: due.new_volume } as const;
      const operation = await enqueue(tx, options, due.id, "restart", requester);
      await changeStatuses(tx, [{ id: due.id, status: "offline", reason }]);
      await insertEvents(tx, [requestedEvent(operation, requester, { reason, generation: now.generation })]);
      return "restarting";
    }),
  );
  return tried ?? "busy";
}
