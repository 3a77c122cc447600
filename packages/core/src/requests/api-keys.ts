import { createHash, randomBytes, randomUUID } from "node:crypto";
import { getApiKey, insertApiKey, revokeApiKeys, type ApiKey } from "../db/api-keys.js";
import { insertEvents } from "../db/events.js";
import { newEvent } from "../domain/events.js";
import type { Pool } from "../db/pool.js";
import { BerthError } from "../base/errors.js";
import { acceptIdempotently, type Asker } from "./idempotency.js";

/** What a key looks like: `berth_`, the initial of its scope, and 256 random bits. */
export const KEY_PATTERN = /^berth_[voa]_[A-Za-z0-9_-]{43}$/;
const DAY_MS = 24 * 3_600_000;
/** Names that events and operations have for others. */
const RESERVED: readonly string[] = ["admin", "workspace"];

/**
 * What is kept of a key. A slow hash protects what people choose, since that can be guessed; nobody gets
 * through 2^256 random keys however fast the hash, and a slow one would cost each request.
 */
export function hashKey(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}

/**
 * Makes a key. Names are unique among the keys that aren't revoked (an expired one keeps its name until it
 * is revoked), so that the name on an operation or event means one key at a time.
 * @returns the key itself as well: it can't be read again.
 * @param maxDays how long it may be valid at most, and is where `expiresAt` is null; null: for ever
 * @throws BerthError `invalid_request` for a reserved name, an expiry that is past or too far, or an admin of a tenant;
 * `name_taken`
 */
export async function createKey(
  pool: Pool,
  wanted: Pick<ApiKey, "name" | "scope" | "tenant"> & { expiresAt: Date | null; createdBy: string | null },
  maxDays: number | null,
  asker: Asker,
): Promise<{ apiKey: ApiKey; key: string }> {
  const { name, scope, createdBy, tenant } = wanted;
  const latest = maxDays === null ? null : new Date(Date.now() + maxDays * DAY_MS);
  const expiresAt = wanted.expiresAt ?? latest;
  if (RESERVED.includes(name)) throw invalid("name", `a name other than ${RESERVED.join(" and ")}`);
  if (tenant !== null && scope === "admin")
    throw invalid("scope", "viewer or operator for a key of a tenant: what admins do is about all tenants");
  if (expiresAt !== null && expiresAt.getTime() <= Date.now())
    throw invalid("expires_at", "a time to come, or null");
  if (expiresAt !== null && latest !== null && expiresAt > latest)
    throw invalid("expires_at", `a time within ${maxDays} days (BERTH_KEY_MAX_DAYS)`);
  const key = `berth_${scope[0]!}_${randomBytes(32).toString("base64url")}`;
  const row = {
    id: randomUUID(),
    name,
    scope,
    expires_at: expiresAt,
    created_by: createdBy,
    tenant,
    key_hash: hashKey(key),
  };
  return acceptIdempotently(pool, null, asker, async (tx) => {
    const inserted = await insertApiKey(tx, row);
    if (inserted === null)
      throw new BerthError("name_taken", `another key is named ${name}: revoke it first, or choose another`, {
        name,
      });
    await insertEvents(tx, [keyEvent("api_key.created", inserted, asker.requestedBy)]);
    return { apiKey: inserted, key };
  });
}

/**
 * Revokes a key; one that is revoked already stays as it is.
 * @param made those that it has made as well, and theirs
 * @returns the key, and which were revoked now
 * @throws BerthError `key_not_found`
 */
export async function revokeKey(
  pool: Pool,
  id: string,
  { made }: { made: boolean },
  asker: Asker,
): Promise<{ apiKey: ApiKey; revoked: ApiKey[] }> {
  return acceptIdempotently(pool, null, asker, async (tx) => {
    const revoked = await revokeApiKeys(tx, id, { made });
    const apiKey = await getApiKey(tx, id);
    if (apiKey === null) throw new BerthError("key_not_found", `there is no key ${id}`, { key_id: id });
    await insertEvents(
      tx,
      revoked.map((one) => keyEvent("api_key.revoked", one, asker.requestedBy)),
    );
    return { apiKey, revoked };
  });
}

export function keyEvent(
  type: "api_key.created" | "api_key.revoked",
  { id, name, scope, expires_at }: ApiKey,
  by: string,
) {
  const payload = { key_id: id, name, scope, expires_at, requested_by: by };
  return newEvent(type, null, payload);
}

function invalid(field: string, expected: string): BerthError {
  return new BerthError("invalid_request", `${field}: expected ${expected}`, {
    errors: [{ field, expected }],
  });
}
