import type { Queryable, Tx } from "./pool.js";

/** A workspace whose end is to be announced, or has come. */
export interface Expiring {
  id: string;
  expires_at: Date;
  /** True if its time has passed and was announced before. */
  due: boolean;
}

/** By the database's clock. */
export async function isFuture(db: Queryable, time: Date): Promise<boolean> {
  const { rows } = await db.query<{ later: boolean }>("select $1::timestamptz > clock_timestamp() as later", [
    time,
  ]);
  return rows[0]!.later;
}

/** Those that expire within `noticeMs` and weren't announced, and those whose time has passed; by id, from `after` on. */
export async function expiringWorkspaces(
  db: Queryable,
  noticeMs: number,
  limit: number,
  after: string | null,
): Promise<Expiring[]> {
  const { rows } = await db.query<Expiring>(
    // Materialized: put together, the order by id is found by walking all workspaces.
    `with soon as materialized (
       select id, expires_at, expiry_noticed_at from workspaces
       where status <> 'removed' and expires_at <= now() + $1::int8 * interval '1 millisecond'
     )
     select id, expires_at, expiry_noticed_at is not null as due from soon
     where ($3::uuid is null or id > $3) and (expiry_noticed_at is null or expires_at <= now())
     order by id limit $2`,
    [noticeMs, limit, after],
  );
  return rows;
}

/** @returns false if it was announced before, or has another time by now. */
export async function noteExpiryNotice(tx: Tx, { id, expires_at }: Expiring): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update workspaces set expiry_noticed_at = clock_timestamp()
     where id = $1 and expires_at = $2 and expiry_noticed_at is null and status <> 'removed'`,
    [id, expires_at],
  );
  return rowCount === 1;
}

/** True if it is to be deleted now. The caller has locked its gate. */
export async function isExpired(tx: Tx, id: string): Promise<boolean> {
  const { rows } = await tx.query(
    `select 1 from workspaces where id = $1 and status <> 'removed' and expiry_noticed_at is not null
       and expires_at <= clock_timestamp()`,
    [id],
  );
  return rows.length === 1;
}
