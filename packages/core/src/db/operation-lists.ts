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
  const source = (condition: string): PageSource => ({
    from: `from operations o where ${condition}${between}`,
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
