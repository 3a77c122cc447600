import type { NewEvent } from "../domain/events.js";
import { mergedAlong } from "./merged.js";
import { readPage, values, type PageSource } from "./page.js";
import { sendAlong } from "./sent.js";
import type { Queryable } from "./pool.js";
import { EVENTS_CHANNEL, tellAfterCommit } from "./words.js";

export interface StructureEvent {
  id: number;
  event_type: string;
  workspace_id: string | null;
  operation_id: string | null;
  payload: Record<string, unknown>;
  created_at: Date;
  /** Of what accepted its operation: {@link TRACE}. */
  trace_id: string | null;
}

/** Appends events, in the transaction that changes the state they tell of. */
export async function insertEvents(tx: Queryable, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  await mergedAlong(tx, insertAll, events);
  tellAfterCommit(tx, EVENTS_CHANNEL, [""]);
}

function insertAll(db: Queryable, events: readonly NewEvent[]): Promise<void> {
  return sendAlong(
    db,
    `insert into structure_events (event_type, workspace_id, operation_id, payload)
     select e.event_type, e.workspace_id, e.operation_id, coalesce(e.payload, '{}')
     from rows from (
       jsonb_to_recordset($1) as (event_type text, workspace_id uuid, operation_id uuid, payload jsonb)
     ) with ordinality as e (event_type, workspace_id, operation_id, payload, n)
     order by e.n`,
    [JSON.stringify(events)],
  );
}

/** Which events: all that is given must be so. */
export interface EventFilter {
  workspaceId?: string;
  types?: readonly string[];
  /** Of their workspaces, as they are now. */
  labels?: Readonly<Record<string, string>>;
  createdAfter?: string;
  createdBefore?: string;
  /** An id stands for its place in the order; one that is no longer kept for that of the next one. */
  afterId?: number;
  limit: number;
}

export interface EventPage {
  rows: StructureEvent[];
  /** The id after which the next page begins; null if there is none. */
  next: number | null;
}

/**
 * Events in the order in which they were settled, after the one given. An event is settled when it is first read
 * after its commit, so who goes on from the last one that was read misses none, however late it was committed.
 */
export async function findEvents(db: Queryable, filter: EventFilter): Promise<EventPage> {
  await settleEvents(db);
  const query = values();
  const { put } = query;
  const { workspaceId, types, labels, createdAfter, createdBefore, afterId = 0, limit } = filter;
  const after = afterId === 0 ? null : [String(await placeBefore(db, afterId))];
  const from = createdAfter === undefined ? "" : ` and e.seq >= ${placeAt(put(createdAfter))}`;
  const source = (condition: string): PageSource => ({
    from: `from structure_events e where e.seq is not null and ${condition}${from}`,
    key: ["e.seq"],
  });
  const sourcesOf = (): PageSource[] => {
    if (workspaceId !== undefined) return [source(`e.workspace_id = ${put(workspaceId)}`)];
    if (types !== undefined) return types.map((type) => source(`e.event_type = ${put(type)}`));
    return [source("true")];
  };
  const { rows, last } = await readPage<StructureEvent>(
    db,
    {
      columns: SHOWN,
      sources: sourcesOf(),
      types: ["bigint"],
      direction: "asc",
      where: [
        ...(types === undefined ? [] : [`e.event_type = any (${put(types)})`]),
        ...(createdAfter === undefined ? [] : [`e.created_at >= ${put(createdAfter)}::timestamptz`]),
        ...(createdBefore === undefined ? [] : [`e.created_at < ${put(createdBefore)}::timestamptz`]),
        ...(labels === undefined
          ? []
          : [
              `select w.labels @> ${put(JSON.stringify(labels))} from workspaces w where w.id = e.workspace_id`,
            ]),
      ],
      after,
      limit,
    },
    query,
  );
  return { rows, next: last?.id ?? null };
}

/** As {@link findEvents}, without where to go on. */
export async function listEvents(
  db: Queryable,
  { type, ...filter }: Omit<EventFilter, "types"> & { type?: string },
): Promise<StructureEvent[]> {
  const { rows } = await findEvents(db, { ...filter, ...(type === undefined ? {} : { types: [type] }) });
  return rows;
}

/** An event is part of the trace that its operation is part of, for as long as that is kept. */
export const TRACE = "(select o.trace_id from operations o where o.id = e.operation_id)";

const SHOWN = `e.id, e.event_type, e.workspace_id, e.operation_id, e.payload, e.created_at, ${TRACE} as trace_id`;

/** Where to go on after an event: its place, or, where retention has deleted it, that before those that are left. */
async function placeBefore(db: Queryable, id: number): Promise<number> {
  const { rows } = await db.query<{ seq: number }>(
    `select coalesce((select seq from structure_events where id = $1),
       (select seq - 1 from structure_events where id > $1 and seq is not null order by id limit 1),
       (select max(seq) from structure_events), 0) as seq`,
    [id],
  );
  return rows[0]!.seq;
}

/** Before the events of a time: no transaction writes one and stays open for ten minutes. */
function placeAt(time: string): string {
  return `coalesce((select e.seq from structure_events e
      where e.created_at >= ${time}::timestamptz - interval '10 minutes' and e.seq is not null
      order by e.created_at limit 1), 9223372036854775807)`;
}

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

/** The id of the last event up to a place; 0 if there is none. */
export async function idAt(db: Queryable, place: number): Promise<number> {
  const { rows } = await db.query<{ id: number }>(
    "select id from structure_events where seq <= $1 order by seq desc limit 1",
    [place],
  );
  return rows[0]?.id ?? 0;
}

/** The place of an event. Null if it isn't there: it never was, or is no longer kept. */
export async function placeOf(db: Queryable, id: number): Promise<number | null> {
  const { rows } = await db.query<{ seq: number | null }>("select seq from structure_events where id = $1", [
    id,
  ]);
  return rows[0]?.seq ?? null;
}
