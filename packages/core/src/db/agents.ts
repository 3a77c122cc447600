import type { Queryable } from "./pool.js";

/** What an agent says of itself beyond its figures. What is left out stays as it was; null takes it back. */
export interface AgentNote {
  url?: string | null | undefined;
  /** Whatever it is: Berth only hands it on. */
  card?: unknown;
  current_task?: string | null | undefined;
  sample_error?: string | null | undefined;
}

/** What is known of the agent of a workspace's current generation. */
export interface Agent {
  url: string | null;
  card: unknown;
  current_task: string | null;
  sample_error: string | null;
  uptime_seconds: number | null;
}

/**
 * The part of the statement of heartbeats that keeps the notes of `judged` beats. What an agent of an older generation said
 * goes with the first word of the next one (I9).
 */
export const KEEP_NOTES = `
  insert into agents as a (workspace_id, generation, url, card, current_task, sample_error)
    select id, generation, note -> 'url', note -> 'card', note -> 'current_task', note -> 'sample_error'
    from judged where note is not null order by id
  on conflict (workspace_id) do update set generation = excluded.generation, said_at = excluded.said_at,
    url = coalesce(excluded.url, case when a.generation = excluded.generation then a.url end),
    card = coalesce(excluded.card, case when a.generation = excluded.generation then a.card end),
    current_task = coalesce(excluded.current_task, case when a.generation = excluded.generation then a.current_task end),
    sample_error = coalesce(excluded.sample_error, case when a.generation = excluded.generation then a.sample_error end)`;

/** @returns null where no agent of this generation has been heard */
export async function agentOf(db: Queryable, workspaceId: string): Promise<Agent | null> {
  const { rows } = await db.query<Agent>(
    `select a.url, a.card, a.current_task, a.sample_error, w.uptime_seconds
     from workspaces w left join agents a on a.workspace_id = w.id and a.generation = w.generation
     where w.id = $1 and w.last_heartbeat_at is not null`,
    [workspaceId],
  );
  return rows[0] ?? null;
}
