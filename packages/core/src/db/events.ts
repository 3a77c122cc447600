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

/** Told whenever events are written. */
export const EVENTS_CHANNEL = "berth_event";

/** Which events. An id stands for its place in the order; one that is no longer kept for that of the next one. */
export interface EventFilter {
  workspaceId?: string;
  type?: string;
  afterId?: number;
  limit: number;
}

/**
 * Events in the order in which they were settled, after the one given. An event is settled when it is first read
 * after its commit, so who goes on from the last one that was read misses none, however late it was committed.
 */
export async function listEvents(db: Queryable, filter: EventFilter): Promise<StructureEvent[]> {
  await settleEvents(db);
  const { rows } = await db.query<StructureEvent>(
    `select ${SHOWN} from structure_events e
     where ($1::uuid is null or workspace_id = $1)
       and ($2::text is null or event_type = $2)
       and seq > ${SEQ_BEFORE}
     order by seq limit $4`,
    [filter.workspaceId ?? null, filter.type ?? null, filter.afterId ?? 0, filter.limit],
  );
  return rows;
}

const SHOWN = "e.id, e.event_type, e.workspace_id, e.operation_id, e.payload, e.created_at";

/** Of the event with the id `$3`; where retention has deleted it, the place before those that are left. */
const SEQ_BEFORE = `coalesce((select seq from structure_events where id = $3),
         (select min(seq) - 1 from structure_events where id > $3), (select max(seq) from structure_events), 0)`;

/** Gives the events that have committed their places in the order. */
export async function settleEvents(db: Queryable): Promise<void> {
  for (let settled = SETTLED_AT_ONCE; settled === SETTLED_AT_ONCE;) {
    const { rows } = await db.query<{ settled: number }>("select settle_events() as settled");
    settled = rows[0]!.settled;
  }
}

/** As the function has it. */
const SETTLED_AT_ONCE = 10_000;

/** An event with its place, and the labels that its workspace has now. */
export type PlacedEvent = StructureEvent & { seq: number; labels: Record<string, string> | null };

/** Settled events after a place and up to another, in order. */
export async function readEvents(
  db: Queryable,
  { after, upTo, limit }: { after: number; upTo?: number; limit: number },
): Promise<PlacedEvent[]> {
  const { rows } = await db.query<PlacedEvent>(
    `select ${SHOWN}, e.seq, w.labels from structure_events e left join workspaces w on w.id = e.workspace_id
     where e.seq > $1 and ($2::bigint is null or e.seq <= $2) order by e.seq limit $3`,
    [after, upTo ?? null, limit],
  );
  return rows;
}

/** The place of the last settled event; 0 if there is none. */
export async function lastPlace(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ seq: number }>(
    "select coalesce(max(seq), 0) as seq from structure_events",
  );
  return rows[0]!.seq;
}

/** The place of an event. Null if it isn't there: it never was, or is no longer kept. */
export async function placeOf(db: Queryable, id: number): Promise<number | null> {
  const { rows } = await db.query<{ seq: number | null }>("select seq from structure_events where id = $1", [
    id,
  ]);
  return rows[0]?.seq ?? null;
}
