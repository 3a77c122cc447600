import type { BulkKind, OperationState } from "../domain/operation.js";
import type { TenantLabels } from "./tenants.js";
import type { Queryable, Tx } from "./pool.js";

export interface Bulk {
  id: string;
  kind: BulkKind;
  options: BulkOptions;
  requested_by: string;
  /** Whose key asked; null: one for all workspaces. */
  tenant: TenantLabels | null;
  total: number;
  created_at: Date;
}

export interface BulkOptions {
  /** Of `delete`: the descendants too. */
  cascade?: boolean;
  /** Of `hibernate`: even if there are active tasks. */
  force?: boolean;
}

export type BulkItemState = "pending" | "accepted" | "refused";

/** What became of a bulk operation for one workspace. */
export interface BulkItem {
  workspace_id: string;
  position: number;
  state: BulkItemState;
  /** What serves it; null also where nothing was left to do. */
  operation_id: string | null;
  /** Null if it was purged with its workspace. */
  operation_state: OperationState | null;
  /** Why it was refused, or why it couldn't be accepted yet. */
  error: { code: string; message: string } | null;
}

/** One that is to be asked for now. */
export interface PendingItem {
  bulk_id: string;
  workspace_id: string;
  attempts: number;
  kind: BulkKind;
  options: BulkOptions;
  requested_by: string;
  tenant: TenantLabels | null;
}

/** Keeps a bulk operation with its items, in the order given but for parents and children. */
export async function insertBulk(
  tx: Tx,
  bulk: Omit<Bulk, "total" | "created_at">,
  workspaceIds: readonly string[],
): Promise<Bulk> {
  const { rows } = await tx.query<Bulk>(
    `insert into bulk_operations (id, kind, options, requested_by, total, tenant)
     values ($1, $2, $3, $4, $5, $6) returning *`,
    [
      bulk.id,
      bulk.kind,
      JSON.stringify(bulk.options),
      bulk.requested_by,
      workspaceIds.length,
      bulk.tenant && JSON.stringify(bulk.tenant),
    ],
  );
  const parentsFirst = bulk.kind === "resume" || bulk.kind === "restart";
  await tx.query(
    `insert into bulk_items (bulk_id, workspace_id, position, level)
     select $1, given.id, given.n, coalesce(line.depth, 0) * $3::int
     from unnest($2::uuid[]) with ordinality as given (id, n), lateral (
       with recursive up as (
         select parent_id, 0 as depth from workspaces where id = given.id
         union all
         select w.parent_id, up.depth + 1 from workspaces w join up on w.id = up.parent_id
       ) select max(depth) as depth from up) line`,
    [bulk.id, workspaceIds, parentsFirst ? 1 : -1],
  );
  return rows[0]!;
}

/** The next items of each bulk operation, those tried least often first and all bulk operations alike. */
export async function pendingItems(db: Queryable, limit: number): Promise<PendingItem[]> {
  const { rows } = await db.query<PendingItem>(
    `select bulk_id, workspace_id, attempts, kind, options, requested_by, tenant from (
       select i.bulk_id, i.workspace_id, i.attempts, b.kind, b.options, b.requested_by, b.tenant,
         row_number() over (partition by i.bulk_id order by i.attempts, i.position) as turn
       from bulk_items i join bulk_operations b on b.id = i.bulk_id
       where i.state = 'pending' and i.level =
         (select min(level) from bulk_items first where first.bulk_id = i.bulk_id and first.state = 'pending')
     ) pending order by attempts, turn, bulk_id limit $1`,
    [limit],
  );
  return rows;
}

type ItemKey = Pick<PendingItem, "bulk_id" | "workspace_id">;

/** Its request was accepted. `operationId` null: there was nothing to do. */
export async function acceptItem(
  db: Queryable,
  { bulk_id, workspace_id }: ItemKey,
  operationId: string | null,
): Promise<void> {
  await db.query(
    `update bulk_items set state = 'accepted', operation_id = $3, error = null
     where bulk_id = $1 and workspace_id = $2 and state = 'pending'`,
    [bulk_id, workspace_id, operationId],
  );
}

/** Its request was refused, or (not `final`) couldn't be asked. */
export async function failItem(
  db: Queryable,
  { bulk_id, workspace_id }: ItemKey,
  error: { code: string; message: string },
  final: boolean,
): Promise<void> {
  await db.query(
    `update bulk_items set attempts = attempts + 1, error = $3, state = case when $4 then 'refused' else state end
     where bulk_id = $1 and workspace_id = $2 and state = 'pending'`,
    [bulk_id, workspace_id, JSON.stringify(error), final],
  );
}

export type BulkCounts = Record<"pending" | "refused" | OperationState, number>;

/** How many items are how far. What was purged had succeeded. Null if there is no such bulk operation. */
export async function getBulk(db: Queryable, id: string): Promise<{ bulk: Bulk; counts: BulkCounts } | null> {
  const { rows } = await db.query<Bulk>("select * from bulk_operations where id = $1", [id]);
  if (rows[0] === undefined) return null;
  const { rows: groups } = await db.query<{ state: keyof BulkCounts; n: number }>(
    `select case i.state when 'accepted' then coalesce(o.state, 'succeeded') else i.state end as state, count(*) as n
     from bulk_items i left join operations o on o.id = i.operation_id where i.bulk_id = $1 group by 1`,
    [id],
  );
  const counts = { pending: 0, refused: 0, queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
  for (const { state, n } of groups) counts[state] = n;
  return { bulk: rows[0], counts };
}

/** A page of its items, in their order. */
export async function listItems(
  db: Queryable,
  id: string,
  filter: { states?: readonly BulkItemState[]; after: number; limit: number },
): Promise<BulkItem[]> {
  const { rows } = await db.query<BulkItem>(
    `select i.workspace_id, i.position, i.state, i.operation_id, o.state as operation_state, i.error
     from bulk_items i left join operations o on o.id = i.operation_id
     where i.bulk_id = $1 and i.position > $2 and ($3::text[] is null or i.state = any ($3))
     order by i.position limit $4`,
    [id, filter.after, filter.states ?? null, filter.limit],
  );
  return rows;
}
