import type { Tx } from "./pool.js";

/** How often Berth has restarted a workspace by itself of late. */
export interface RestartAllowance {
  /** In the window that is open now; 0 if a person has restarted it since. */
  restarts: number;
  /** Null if it was never launched. */
  launchedMsAgo: number | null;
}

export async function restartAllowance(
  tx: Tx,
  workspaceId: string,
  windowMs: number,
): Promise<RestartAllowance> {
  const { rows } = await tx.query<{ restarts: number; launched_ms_ago: number | null }>(
    `select case when auto_restarts_since > clock_timestamp() - $2 * interval '1 millisecond'
         and not exists (select 1 from operations o where o.workspace_id = w.id and o.source in ('api', 'schedule')
           and o.kind in ('restart', 'resume') and o.created_at > w.auto_restarts_since)
       then auto_restarts else 0 end as restarts,
       floor(extract(epoch from clock_timestamp() - last_launched_at) * 1000)::int8 as launched_ms_ago
     from workspaces w where id = $1`,
    [workspaceId, windowMs],
  );
  return { restarts: rows[0]?.restarts ?? 0, launchedMsAgo: rows[0]?.launched_ms_ago ?? null };
}

/** Counts a restart; the first one opens a window. */
export async function noteAutoRestart(tx: Tx, workspaceId: string, restarts: number): Promise<void> {
  await tx.query(
    `update workspaces set auto_restarts = $2,
       auto_restarts_since = case when $2 = 1 then clock_timestamp() else auto_restarts_since end
     where id = $1`,
    [workspaceId, restarts],
  );
}
