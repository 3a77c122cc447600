import type { OperationState } from "../domain/operation.js";
import { readPage, values, type Page, type PageSource } from "./page.js";
import type { Queryable } from "./pool.js";
import type { Operation } from "./operations.js";

/** Operations of a workspace, newest first; before the ticket given, if one is. */
export async function listOperations(
  db: Queryable,
  filter: { workspaceId: string; beforeTicket?: number; limit: number },
): Promise<Operation[]> {
  const { rows } = await db.query<Operation>(
    `select * from operations where workspace_id = $1 and ($2::bigint is null or ticket < $2)
     order by ticket desc limit $3`,
    [filter.workspaceId, filter.beforeTicket ?? null, filter.limit],
  );
  return rows;
}

/** Which operations: all that is given must be so. */
export interface OperationFilter {
  states?: readonly OperationState[];
  kinds?: readonly string[];
  sources?: readonly string[];
  requestedBy?: string;
  /** Of their workspaces, as they are now. */
  backends?: readonly string[];
  labels?: Readonly<Record<string, string>>;
  /** The operation whose parts are meant. */
  partOf?: string;
  createdAfter?: string;
  createdBefore?: string;
  after?: readonly string[] | null;
  limit: number;
}

/** A page of the operations of all workspaces, newest first. */
export async function findOperations(db: Queryable, filter: OperationFilter): Promise<Page<Operation>> {
  const query = values();
  const { put } = query;
  const { states, kinds, sources, requestedBy, backends, labels, createdAfter, createdBefore } = filter;
  const between =
    (createdAfter === undefined ? "" : ` and o.created_at >= ${put(createdAfter)}::timestamptz`) +
    (createdBefore === undefined ? "" : ` and o.created_at < ${put(createdBefore)}::timestamptz`);
  const parts = filter.partOf === undefined ? "" : ` and o.part_of = ${put(filter.partOf)}`;
  const source = (condition: string): PageSource => ({
    from: `from operations o where ${condition}${parts}${between}`,
    key: ["o.created_at", "o.id"],
  });
  const rare = states !== undefined && !states.includes("succeeded");
  const ofWorkspace = [
    ...(backends === undefined ? [] : [`w.backend = any (${put(backends)})`]),
    ...(labels === undefined ? [] : [`w.labels @> ${put(JSON.stringify(labels))}`]),
  ];
  return readPage<Operation>(
    db,
    {
      columns: "o.*",
      sources: rare
        ? states.map((state) => source(`o.state <> 'succeeded' and o.state = ${put(state)}`))
        : [source("true")],
      types: ["timestamptz", "uuid"],
      direction: "desc",
      where: [
        ...(states === undefined ? [] : [`o.state = any (${put(states)})`]),
        ...(kinds === undefined ? [] : [`o.kind = any (${put(kinds)})`]),
        ...(sources === undefined ? [] : [`o.source = any (${put(sources)})`]),
        ...(requestedBy === undefined ? [] : [`o.requested_by = ${put(requestedBy)}`]),
        ...(ofWorkspace.length === 0
          ? []
          : [
              // One look for each row: an `exists` would be answered by reading all workspaces once.
              `select ${ofWorkspace.join(" and ")} from workspaces w where w.id = o.workspace_id`,
            ]),
      ],
      after: filter.after ?? null,
      limit: filter.limit,
    },
    query,
  );
}

/** How the other operations of a request are, whose own this is. */
export interface Parts {
  unfinished: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  /** The first of those that failed or were cancelled. */
  amiss: Operation[];
}

/** Null if it has no parts. @param limit of `amiss` */
export async function partsOf(db: Queryable, id: string, limit: number): Promise<Parts | null> {
  const { rows } = await db.query<{ state: OperationState; n: number }>(
    "select state, count(*)::int as n from operations where part_of = $1 group by state",
    [id],
  );
  if (rows.length === 0) return null;
  const { rows: amiss } = await db.query<Operation>(
    `select * from operations where part_of = $1 and state in ('failed', 'cancelled') order by created_at, id limit $2`,
    [id, limit],
  );
  const n = (...states: OperationState[]): number =>
    rows.filter(({ state }) => states.includes(state)).reduce((sum, row) => sum + row.n, 0);
  return {
    unfinished: n("queued", "running"),
    succeeded: n("succeeded"),
    failed: n("failed"),
    cancelled: n("cancelled"),
    amiss,
  };
}

/** Those parts of an operation that haven't ended. */
export async function unfinishedParts(db: Queryable, id: string): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    "select id from operations where part_of = $1 and state in ('queued', 'running')",
    [id],
  );
  return rows.map((row) => row.id);
}
