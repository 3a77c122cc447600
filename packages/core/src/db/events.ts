import type { Queryable } from "./pool.js";

export interface StructureEvent {
  id: number;
  event_type: string;
  workspace_id: string | null;
  operation_id: string | null;
  payload: Record<string, unknown>;
  created_at: Date;
}

export interface NewEvent {
  event_type: string;
  workspace_id: string | null;
  operation_id?: string | null;
  payload?: Record<string, unknown>;
}

/** Appends events, in the transaction that changes the state they tell of. */
export async function insertEvents(tx: Queryable, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  await tx.query(
    `insert into structure_events (event_type, workspace_id, operation_id, payload)
     select e.event_type, e.workspace_id, e.operation_id, coalesce(e.payload, '{}')
     from rows from (
       jsonb_to_recordset($1) as (event_type text, workspace_id uuid, operation_id uuid, payload jsonb)
     ) with ordinality as e (event_type, workspace_id, operation_id, payload, n)
     order by e.n`,
    [JSON.stringify(events)],
  );
}

/** Events in order of id, after the one given. */
export async function listEvents(
  db: Queryable,
  filter: { workspaceId?: string; type?: string; afterId?: number; limit: number },
): Promise<StructureEvent[]> {
  const { rows } = await db.query<StructureEvent>(
    `select * from structure_events
     where ($1::uuid is null or workspace_id = $1)
       and ($2::text is null or event_type = $2)
       and id > $3
     order by id limit $4`,
    [filter.workspaceId ?? null, filter.type ?? null, filter.afterId ?? 0, filter.limit],
  );
  return rows;
}
