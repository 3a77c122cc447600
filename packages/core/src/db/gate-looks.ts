import type { OperationKind } from "../domain/operation.js";
import type { OperationError } from "./operations.js";
import type { Queryable } from "./pool.js";

/** Why a ticket can't be claimed now, for the job that must wait. Times are ms from now by the database's clock. */
export interface TicketLook {
  workspace_id: string;
  ticket: number;
  place: string;
  kind: OperationKind;
  finished: boolean;
  is_next: boolean;
  next_ticket: number | null;
  leased_for_ms: number | null;
  backoff_for_ms: number | null;
}

export async function lookAt(db: Queryable, workspaceId: string, ticket: number): Promise<TicketLook | null> {
  const { rows } = await db.query<TicketLook>(
    `select o.workspace_id, o.ticket, o.place, o.kind,
       o.state not in ('queued', 'running') as finished,
       g.head + 1 = o.ticket as is_next,
       case when g.head < g.tail then g.head + 1 end as next_ticket,
       ceil(extract(epoch from g.lease_until - clock_timestamp()) * 1000)::int as leased_for_ms,
       ceil(extract(epoch from o.next_attempt_at - clock_timestamp()) * 1000)::int as backoff_for_ms
     from operations o join gates g using (workspace_id)
     where o.workspace_id = $1 and o.ticket = $2`,
    [workspaceId, ticket],
  );
  return rows[0] ?? null;
}

/** The first unfinished operation of each workspace that no living lease holds, after a workspace id. */
export interface WaitingHead {
  workspace_id: string;
  ticket: number;
  operation_id: string;
  place: string;
  kind: OperationKind;
  max_attempts: number;
  requested_by: string;
  backoff_for_ms: number | null;
}

export async function waitingHeads(
  db: Queryable,
  afterWorkspaceId: string,
  limit: number,
): Promise<WaitingHead[]> {
  const { rows } = await db.query<WaitingHead>(
    `select distinct on (o.workspace_id) o.workspace_id, o.ticket, o.id as operation_id, o.place, o.kind, o.max_attempts, o.requested_by,
       ceil(extract(epoch from o.next_attempt_at - clock_timestamp()) * 1000)::int as backoff_for_ms
     from operations o join gates g on g.workspace_id = o.workspace_id
     where o.state in ('queued', 'running') and o.workspace_id > $1 and not g.paused
       and (g.lease_until is null or g.lease_until <= clock_timestamp())
     order by o.workspace_id, o.ticket limit $2`,
    [afterWorkspaceId, limit],
  );
  return rows;
}

/** A gate as an operator sees it, with the error of the last operation that failed. */
export interface GateLook {
  leased: boolean;
  paused: boolean;
  last_error: OperationError | null;
}

export async function lookAtGate(db: Queryable, workspaceId: string): Promise<GateLook | null> {
  const { rows } = await db.query<GateLook>(
    `select coalesce(g.lease_until > clock_timestamp(), false) as leased, g.paused,
       case when w.status in ('failed', 'removed') then (select o.error from operations o
         where o.workspace_id = g.workspace_id and o.state = 'failed' order by o.ticket desc limit 1) end as last_error
     from gates g join workspaces w on w.id = g.workspace_id where g.workspace_id = $1`,
    [workspaceId],
  );
  return rows[0] ?? null;
}
