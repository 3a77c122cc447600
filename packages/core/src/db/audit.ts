import type { Queryable } from "./pool.js";

/** One request, and what it was answered. */
export interface AuditEntry {
  id: number;
  at: Date;
  request_id: string;
  /** The name of a key; null: nobody whose key is known. */
  caller: string | null;
  key_id: string | null;
  tenant: Record<string, string> | null;
  address: string;
  method: string;
  /** As the route is written; null: there is none. */
  route: string | null;
  /** Without its query. */
  path: string;
  status: number;
}
export type NewAuditEntry = Omit<AuditEntry, "id" | "at">;

/** Adds entries, in their order. */
export async function insertAudit(db: Queryable, entries: readonly NewAuditEntry[]): Promise<void> {
  await db.query(
    `insert into audit_log (request_id, caller, key_id, tenant, address, method, route, path, status)
     select request_id, caller, key_id, tenant, address, method, route, path, status
     from rows from (
       jsonb_to_recordset($1) as (request_id text, caller text, key_id uuid, tenant jsonb, address text, method text,
         route text, path text, status int)
     ) with ordinality as e (request_id, caller, key_id, tenant, address, method, route, path, status, n)
     order by n`,
    [JSON.stringify(entries)],
  );
}

export interface AuditFilter {
  caller?: string;
  createdAfter?: string;
  createdBefore?: string;
  /** Entries after this id. */
  after: number;
  limit: number;
}

/** Oldest first. */
export async function listAudit(db: Queryable, filter: AuditFilter): Promise<AuditEntry[]> {
  const { caller, createdAfter, createdBefore, after, limit } = filter;
  const { rows } = await db.query<AuditEntry>(
    `select * from audit_log
     where id > $1 and ($2::text is null or caller = $2)
       and ($3::timestamptz is null or at >= $3) and ($4::timestamptz is null or at < $4)
     order by id limit $5`,
    [after, caller ?? null, createdAfter ?? null, createdBefore ?? null, limit],
  );
  return rows;
}
