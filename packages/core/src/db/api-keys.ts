import type { Scope } from "../domain/scope.js";
import type { Queryable, Tx } from "./pool.js";

export type KeyScope = Scope;

/** A key without the key: that is known to whoever it was shown to. */
export interface ApiKey {
  id: string;
  name: string;
  scope: KeyScope;
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
  revoked_at: Date | null;
  /** The key that made it; null: the configuration's, or an earlier version of Berth, which didn't say. */
  created_by: string | null;
  /** The labels of the only workspaces that there are for it; null: it is for all. */
  tenant: Record<string, string> | null;
}
export type HashedApiKey = ApiKey & { key_hash: Buffer };

const SHOWN = "id, name, scope, created_at, expires_at, last_used_at, revoked_at, created_by, tenant";

/** @returns null if a key that isn't revoked has the name. */
export async function insertApiKey(
  tx: Tx,
  key: Pick<HashedApiKey, "id" | "name" | "scope" | "expires_at" | "created_by" | "tenant" | "key_hash">,
): Promise<ApiKey | null> {
  const { rows } = await tx.query<ApiKey>(
    `insert into api_keys (id, name, scope, expires_at, created_by, tenant, key_hash) values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (name) where revoked_at is null do nothing returning ${SHOWN}`,
    [
      key.id,
      key.name,
      key.scope,
      key.expires_at,
      key.created_by,
      key.tenant && JSON.stringify(key.tenant),
      key.key_hash,
    ],
  );
  return rows[0] ?? null;
}

/** The row of a person's logins, which may do what the last of them was told. @returns whether it is new as well */
export async function upsertLogin(
  tx: Tx,
  login: Pick<HashedApiKey, "id" | "name" | "scope" | "expires_at" | "tenant" | "key_hash">,
): Promise<ApiKey & { made: boolean }> {
  const { rows } = await tx.query<ApiKey & { made: boolean }>(
    `insert into api_keys (id, name, scope, expires_at, tenant, key_hash) values ($1, $2, $3, $4, $5, $6)
     on conflict (name) where revoked_at is null
       do update set scope = excluded.scope, expires_at = excluded.expires_at, tenant = excluded.tenant
     returning ${SHOWN}, id = $1 as made`,
    [
      login.id,
      login.name,
      login.scope,
      login.expires_at,
      login.tenant && JSON.stringify(login.tenant),
      login.key_hash,
    ],
  );
  return rows[0]!;
}

export async function getApiKey(db: Queryable, id: string): Promise<ApiKey | null> {
  const { rows } = await db.query<ApiKey>(`select ${SHOWN} from api_keys where id = $1`, [id]);
  return rows[0] ?? null;
}

export async function findApiKey(db: Queryable, hash: Buffer): Promise<HashedApiKey | null> {
  const { rows } = await db.query<HashedApiKey>(
    `select ${SHOWN}, key_hash from api_keys where key_hash = $1`,
    [hash],
  );
  return rows[0] ?? null;
}

/** The newest first, after the position given: a time in microseconds and an id. */
export async function listApiKeys(
  db: Queryable,
  { limit, after }: { limit: number; after?: { micros: string; id: string } },
): Promise<(ApiKey & { micros: string })[]> {
  const { rows } = await db.query<ApiKey & { micros: string }>(
    `select ${SHOWN}, (extract(epoch from created_at) * 1000000)::bigint::text as micros from api_keys
     where (created_at, id) < (coalesce('epoch'::timestamptz + $1::bigint * interval '1 microsecond', 'infinity'),
       coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
     order by created_at desc, id desc limit $3`,
    [after?.micros ?? null, after?.id ?? null, limit],
  );
  return rows;
}

/**
 * Revokes a key, with `made` those as well that it has made, and theirs.
 * @returns those that weren't revoked already.
 */
export async function revokeApiKeys(tx: Tx, id: string, { made }: { made: boolean }): Promise<ApiKey[]> {
  const { rows } = await tx.query<ApiKey>(
    `with recursive line as (
       select id from api_keys where id = $1
       union select one.id from api_keys one join line on one.created_by = line.id where $2
     )
     update api_keys set revoked_at = clock_timestamp()
     where id in (select id from line) and revoked_at is null returning ${SHOWN}`,
    [id, made],
  );
  return rows;
}

/** Notes a use, unless one was noted in the last minute, by whichever process. */
export async function touchApiKey(db: Queryable, id: string): Promise<void> {
  await db.query(
    `update api_keys set last_used_at = now()
     where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')`,
    [id],
  );
}
