import pg from "pg";
import type { Operation } from "./operations.js";
import { isShared, merged, NeedsOwnTransaction } from "./merged.js";
import { sendAlong } from "./sent.js";
import type { Queryable, Tx } from "./pool.js";

export interface Gate {
  workspace_id: string;
  tail: number;
  head: number;
  fence: number;
  owner: string | null;
  lease_until: Date | null;
  /** True if a lease is alive by the database's clock, the only one that counts. */
  leased: boolean;
}

/** What a worker holds while it runs an operation. Whatever it records is recorded under this fence. */
export interface Hold {
  workspaceId: string;
  operationId: string;
  ticket: number;
  fence: number;
  /** Where its operation is carried out; null: it is none. */
  place: string | null;
}

const GATE_COLUMNS = `workspace_id, tail, head, fence, owner, lease_until,
  coalesce(lease_until > clock_timestamp(), false) as leased`;

/** Locks gates for the transaction. Always in order of id, so that two transactions can't deadlock. */
export async function lockGates(tx: Tx, workspaceIds: readonly string[]): Promise<Gate[]> {
  if (isShared(tx)) return lockFreeGates(tx, workspaceIds, "update");
  return lockWaiting(tx, workspaceIds);
}

/** Keeps a parent from being removed until the transaction that adds a child ends. */
export async function lockGateShared(tx: Tx, workspaceId: string): Promise<void> {
  if (isShared(tx)) await lockFreeGates(tx, [workspaceId], "share");
  else await sendAlong(tx, "select 1 from gates where workspace_id = $1 for share", [workspaceId]);
}

/** For a request that shares its transaction: others don't wait with it for whoever has its gate. */
async function lockFreeGates(
  tx: Tx,
  workspaceIds: readonly string[],
  mode: keyof typeof LOCK_FREE,
): Promise<Gate[]> {
  const locked = await merged(tx, LOCK_FREE[mode], workspaceIds);
  const mine = locked.filter((gate) => workspaceIds.includes(gate.workspace_id));
  // One that isn't there is told apart from one that another has by the request that has a transaction of its own.
  if (mine.length < new Set(workspaceIds).size) throw new NeedsOwnTransaction();
  return mine;
}

const lockWaiting = locking("update");
const LOCK_FREE = { update: locking("update skip locked"), share: locking("share skip locked") };
function locking(how: string): (db: Queryable, ids: readonly string[]) => Promise<Gate[]> {
  const text = `select ${GATE_COLUMNS} from gates where workspace_id = any ($1) order by workspace_id for ${how}`;
  return async (db, ids) => (await db.query<Gate>(text, [ids])).rows;
}

/** As {@link lockGates} locks them. To open a transaction with. */
export function lockingGates(workspaceIds: readonly string[]): string {
  const ids = pg.escapeLiteral(`{${workspaceIds.join(",")}}`);
  return `select workspace_id, fence, owner from gates where workspace_id = any (${ids}::uuid[])
    order by workspace_id for update;`;
}
export type LockedGate = Pick<Gate, "workspace_id" | "fence" | "owner">;

/**
 * Locks the gate for the transaction if it is still held under this fence; else the transaction fails with {@link LOST_GATE}.
 * To open a transaction with.
 */
export function lockingHeld({ workspaceId, fence }: Hold): string {
  return `select require_held_gate(${pg.escapeLiteral(workspaceId)}, ${fence});`;
}
/** The SQLSTATE that says so. */
export const LOST_GATE = "BG001";

const HEAD = `coalesce((select min(o.ticket) - 1 from operations o
  where o.workspace_id = g.workspace_id and o.state in ('queued', 'running')), g.tail)`;

/**
 * Moves each head to just before the first unfinished ticket, which steps over cancelled ones, and gives
 * back the leases. The fence moves on, so that whoever held one can record nothing more. The caller has
 * locked the gates **in an earlier statement**: only then does this one see all their operations.
 */
export async function passGates(
  tx: Tx,
  workspaceIds: readonly string[],
): Promise<{ workspace_id: string; head: number; tail: number }[]> {
  if (workspaceIds.length === 0) return [];
  const { rows } = await tx.query<{ workspace_id: string; head: number; tail: number }>(
    `update gates g set owner = null, lease_until = null, fence = fence + 1, head = ${HEAD}
     where workspace_id = any ($1) returning workspace_id, head, tail`,
    [workspaceIds],
  );
  return rows;
}

/**
 * Moves the heads of gates that are held over what was cancelled there, and leaves their leases: if a sweep holds one
 * and dies, what waits behind must be next all the same. The caller has locked the gates in an earlier statement.
 */
export async function stepOver(tx: Tx, workspaceIds: readonly string[]): Promise<void> {
  if (workspaceIds.length === 0) return;
  await sendAlong(tx, `update gates g set head = ${HEAD} where workspace_id = any ($1) and head <> ${HEAD}`, [
    workspaceIds,
  ]);
}

/**
 * Holds the gate of a workspace that has nothing to do, for a sweep's work on it. Requests are accepted
 * meanwhile and wait. Null if an operation is unfinished, one in backoff too, or someone holds the gate.
 */
export async function holdIdleGate(
  db: Queryable,
  want: { workspaceId: string; owner: string; leaseMs: number },
): Promise<number | null> {
  const { rows } = await db.query<{ fence: number }>(
    `update gates set fence = fence + 1, owner = $2,
       lease_until = clock_timestamp() + $3 * interval '1 millisecond'
     where workspace_id = $1 and head = tail and not paused
       and (lease_until is null or lease_until <= clock_timestamp())
     returning fence`,
    [want.workspaceId, want.owner, want.leaseMs],
  );
  return rows[0]?.fence ?? null;
}

export interface Want {
  workspaceId: string;
  ticket: number;
  owner: string;
  leaseMs: number;
}

/**
 * Claims each wanted ticket whose turn it is: the one after the head, unfinished, out of its backoff, and
 * under no living lease. A lease that ran out is a crash: the same attempt goes on, counted as a takeover;
 * unless it was a sweep's and the operation hasn't begun. So does that of one which waited for its provider.
 * @param places only what is to be carried out in these; null: anywhere
 * @returns the operations claimed, as `running`, with their fence.
 */
export async function claimTickets(
  db: Queryable,
  wants: readonly Want[],
  places: readonly string[] | null = null,
): Promise<Operation[]> {
  const { rows } = await db.query<Operation>(
    `with wanted as (
       select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::int[]) as w (workspace_id, ticket, owner, lease_ms)
     ), locked as (
       select g.workspace_id, g.owner as before from gates g
       where g.workspace_id = any ($1) order by g.workspace_id for update
     ), claimed as (
       update gates g set fence = g.fence + 1, owner = w.owner,
         lease_until = clock_timestamp() + w.lease_ms * interval '1 millisecond'
       from locked l
       join wanted w on w.workspace_id = l.workspace_id
       join operations o on o.workspace_id = w.workspace_id and o.ticket = w.ticket
       where g.workspace_id = l.workspace_id and g.head + 1 = w.ticket and not g.paused
         and (g.lease_until is null or g.lease_until <= clock_timestamp())
         and o.state in ('queued', 'running')
         and (o.next_attempt_at is null or o.next_attempt_at <= clock_timestamp())
         and ($5::text[] is null or o.place = any ($5))
       returning g.workspace_id, w.ticket, g.fence, l.before
     )
     update operations o set state = 'running', fence = c.fence, next_attempt_at = null,
       started_at = coalesce(o.started_at, clock_timestamp()),
       attempt = o.attempt
         + case when (c.before is null or o.state = 'queued') and o.waiting_since is null then 1 else 0 end,
       takeovers = o.takeovers + case when c.before is null or o.state = 'queued' then 0 else 1 end
     from claimed c
     where o.workspace_id = c.workspace_id and o.ticket = c.ticket and o.state in ('queued', 'running')
     returning o.*`,
    [
      wants.map((want) => want.workspaceId),
      wants.map((want) => want.ticket),
      wants.map((want) => want.owner),
      wants.map((want) => want.leaseMs),
      places,
    ],
  );
  return rows;
}

/**
 * How the names of workers end that claim by place. A claim by an older worker, whose name doesn't, is skipped by a
 * trigger where the workspace isn't in the one place that such a worker knows.
 */
export const CLAIMS_BY_PLACE = "/p1";

/** Extends leases still held. Those not returned are lost. */
export async function renewLeases(
  db: Queryable,
  holds: readonly Hold[],
  leaseMs: number,
): Promise<{ operation_id: string; cancel_requested: boolean }[]> {
  const { rows } = await db.query<{ operation_id: string; cancel_requested: boolean }>(
    `with held as (
       select g.workspace_id, h.operation_id from gates g
       join unnest($1::uuid[], $2::bigint[], $3::uuid[]) as h (workspace_id, fence, operation_id)
         on g.workspace_id = h.workspace_id and g.fence = h.fence and g.owner is not null
       order by g.workspace_id for update of g
     ), renewed as (
       update gates g set lease_until = clock_timestamp() + $4 * interval '1 millisecond'
       from held h where g.workspace_id = h.workspace_id returning h.operation_id
     )
     select r.operation_id, o.cancel_requested_at is not null as cancel_requested
     from renewed r left join operations o on o.id = r.operation_id`,
    [
      holds.map((hold) => hold.workspaceId),
      holds.map((hold) => hold.fence),
      holds.map((hold) => hold.operationId),
      leaseMs,
    ],
  );
  return rows;
}
