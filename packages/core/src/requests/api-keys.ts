import { createHash, randomBytes, randomUUID } from "node:crypto";
import { getApiKey, insertApiKey, revokeApiKey, type ApiKey, type KeyScope } from "../db/api-keys.js";
import { insertEvents } from "../db/events.js";
import { newEvent } from "../domain/events.js";
import type { Pool } from "../db/pool.js";
import { BerthError } from "../base/errors.js";
import { acceptIdempotently, type Asker } from "./idempotency.js";

/** What a key looks like: `berth_`, the initial of its scope, and 256 random bits. */
export const KEY_PATTERN = /^berth_[voa]_[A-Za-z0-9_-]{43}$/;
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
 * @throws BerthError `invalid_request` for a reserved name or a past expiry, `name_taken`
 */
export async function createKey(
  pool: Pool,
  wanted: { name: string; scope: KeyScope; expiresAt: Date | null },
  asker: Asker,
): Promise<{ apiKey: ApiKey; key: string }> {
  const { name, scope, expiresAt } = wanted;
  if (RESERVED.includes(name)) throw invalid("name", `a name other than ${RESERVED.join(" and ")}`);
  if (expiresAt !== null && expiresAt.getTime() <= Date.now())
    throw invalid("expires_at", "a time to come, or null");
  const key = `berth_${scope[0]!}_${randomBytes(32).toString("base64url")}`;
  const row = { id: randomUUID(), name, scope, expires_at: expiresAt, key_hash: hashKey(key) };
  return acceptIdempotently(pool, null, asker, async (tx) => {
    const inserted = await insertApiKey(tx, row);
    if (inserted === null)
      throw new BerthError("name_taken", `another key is named ${name}: revoke it first, or choose another`, {
        name,
      });
    await insertEvents(tx, [eventOf("api_key.created", inserted, asker.requestedBy)]);
    return { apiKey: inserted, key };
  });
}

/** Revokes a key; one that is revoked already stays as it is. @throws BerthError `key_not_found` */
export async function revokeKey(pool: Pool, id: string, asker: Asker): Promise<ApiKey> {
  return acceptIdempotently(pool, null, asker, async (tx) => {
    const changed = await revokeApiKey(tx, id);
    const apiKey = await getApiKey(tx, id);
    if (apiKey === null) throw new BerthError("key_not_found", `there is no key ${id}`, { key_id: id });
    if (changed) await insertEvents(tx, [eventOf("api_key.revoked", apiKey, asker.requestedBy)]);
    return apiKey;
  });
}

function eventOf(
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
