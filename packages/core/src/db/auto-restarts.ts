import { IDLE } from "./idle-gates.js";
import { sendAlong } from "./sent.js";
import type { Queryable, Tx } from "./pool.js";

/** How often Berth has restarted a workspace by itself of late. */
export interface RestartAllowance {
  /** In the window that is open now; 0 if a person has restarted it since. */
  restarts: number;
  /** Null if it was never launched. */
  launchedMsAgo: number | null;
  /** When the next try after a failed restart is due; null: none has failed. */
  nextRestartInMs: number | null;
}

export async function restartAllowance(
  tx: Tx,
  workspaceId: string,
  windowMs: number,
): Promise<RestartAllowance> {
  const { rows } = await tx.query<{
    restarts: number;
    launched_ms_ago: number | null;
    next_in_ms: number | null;
  }>(
    `select case when auto_restarts_since > clock_timestamp() - $2 * interval '1 millisecond'
         and not exists (select 1 from operations o where o.workspace_id = w.id and o.source in ('api', 'schedule')
           and o.kind in ('restart', 'resume') and o.created_at > w.auto_restarts_since)
       then auto_restarts else 0 end as restarts,
       floor(extract(epoch from clock_timestamp() - last_launched_at) * 1000)::int8 as launched_ms_ago,
       case when restart_tries > 0
         then ceil(extract(epoch from next_restart_at - clock_timestamp()) * 1000)::int8 end as next_in_ms
     from workspaces w where id = $1`,
    [workspaceId, windowMs],
  );
  return {
    restarts: rows[0]?.restarts ?? 0,
    launchedMsAgo: rows[0]?.launched_ms_ago ?? null,
    nextRestartInMs: rows[0]?.next_in_ms ?? null,
  };
}

/** Counts a restart; the first one opens a window. */
export async function noteAutoRestart(tx: Tx, workspaceId: string, restarts: number): Promise<void> {
  await sendAlong(
    tx,
    `update workspaces set auto_restarts = $2,
       auto_restarts_since = case when $2 = 1 then clock_timestamp() else auto_restarts_since end
     where id = $1`,
    [workspaceId, restarts],
  );
}

/** One whose next try is due: nothing of it runs, and nothing is under way for it. */
export interface DueRestart {
  id: string;
  place: string;
  generation: number;
  status_reason: string | null;
  /** True if what has failed was allowed to make its volume anew. */
  new_volume: boolean;
}

/** Those of these places that have waited for their next try longest. */
export async function dueRestarts(
  db: Queryable,
  places: readonly string[],
  limit: number,
): Promise<DueRestart[]> {
  const { rows } = await db.query<DueRestart>(
    `select w.id, w.place, w.generation, w.status_reason, coalesce(
       (select o.new_volume from operations o where o.workspace_id = w.id order by o.ticket desc limit 1), false) as new_volume
     from workspaces w join gates g on g.workspace_id = w.id
     where w.status = 'offline' and w.next_restart_at <= clock_timestamp() and w.place = any ($1)
       and ${IDLE}
       -- Where the ledger has one, its provider is asked what it does.
       and not exists (select from resources r where r.workspace_id = w.id and r.kind = 'instance' and r.state = 'present')
     order by w.next_restart_at limit $2`,
    [places, limit],
  );
  return rows;
}

/** What failed while a place couldn't be reached waits no longer for its next try: restarts by Berth itself, and releases. */
export async function hurryPlace(tx: Tx, place: string): Promise<void> {
  await sendAlong(
    tx,
    `update workspaces set next_restart_at = clock_timestamp()
     where place = $1 and status = 'offline' and restart_tries > 0 and next_restart_at > clock_timestamp()`,
    [place],
  );
  await sendAlong(
    tx,
    `update resources set next_attempt_at = clock_timestamp()
     where place = $1 and state = 'releasing' and next_attempt_at > clock_timestamp()`,
    [place],
  );
}

/** Since when, in ms by the database's clock, restarts have failed one after another. Null: the last one didn't. */
export async function failingFor(tx: Tx, workspaceId: string): Promise<number | null> {
  const { rows } = await tx.query<{ ms: number | null }>(
    `select floor(extract(epoch from clock_timestamp() - restart_tries_since) * 1000)::int8 as ms
     from workspaces where id = $1`,
    [workspaceId],
  );
  return rows[0]?.ms ?? null;
}

/** The last operation of a workspace that is failed, if it was to suspend it and could only not prove the stop. */
export async function stoppedHalfway(
  tx: Tx,
  workspaceId: string,
): Promise<{ kind: "pause" | "hibernate"; generation: number } | null> {
  const { rows } = await tx.query<{ kind: "pause" | "hibernate"; generation: number }>(
    `select o.kind, w.generation from workspaces w
     cross join lateral (
       select * from operations where workspace_id = w.id order by ticket desc limit 1) o
     where w.id = $1 and w.status = 'failed' and w.instance_id is null
       and o.kind in ('pause', 'hibernate') and o.state = 'failed' and o.error ->> 'code' = 'stop_retry_exhausted'`,
    [workspaceId],
  );
  return rows[0] ?? null;
}
