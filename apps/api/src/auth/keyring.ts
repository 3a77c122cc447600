import { timingSafeEqual } from "node:crypto";
import { findApiKey, getApiKey, touchApiKey, type ApiKey } from "@berth/core/db/api-keys";
import type { Pool } from "@berth/core/db/pool";
import { hashKey, KEY_PATTERN } from "@berth/core/requests/api-keys";
import type { Caller } from "./scopes.js";

/** So long after its revocation in another API process a key may still be taken by this one. In ms. */
export const REVOKED_WITHIN_MS = 5_000;
const TOUCH_EVERY_MS = 60_000;
const REMEMBERED = 10_000;

export interface Keyring {
  /** Whose key it is; null: nobody's, or it is expired or revoked. @throws if the database can't be asked. */
  byKey(key: string): Promise<Caller | null>;
  /** The same for the key that a login was made with; null is that of the configuration. */
  byId(id: string | null): Promise<Caller | null>;
  /** To be called after a revocation: the key is refused by this process at once. */
  forget(id: string): void;
}

const ROOT: Caller = { name: "admin", scope: "admin", keyId: null, tenant: null };

/** The keys that this process takes. The configuration's work without the database. */
export function createKeyring({ pool, adminKeys }: { pool: Pool; adminKeys: readonly string[] }): Keyring {
  const roots = adminKeys.map(hashKey);
  const seen = new Map<string, { apiKey: ApiKey; until: number }>();
  const touched = new Map<string, number>();
  let revocations = 0;

  // Only what was found is remembered: a new key works at once, and guesses push out nothing.
  const lookUp = async (index: string, find: () => Promise<ApiKey | null>): Promise<ApiKey | null> => {
    const known = seen.get(index);
    const now = performance.now();
    if (known !== undefined && known.until > now) return known.apiKey;
    const before = revocations;
    const apiKey = await find();
    seen.delete(index);
    // What was read before a revocation of ours ended may be from before it.
    if (apiKey !== null && before === revocations) {
      if (seen.size >= REMEMBERED) seen.delete(seen.keys().next().value!);
      seen.set(index, { apiKey, until: now + REVOKED_WITHIN_MS });
    }
    return apiKey;
  };
  const touch = (id: string): void => {
    const now = performance.now();
    if (now - (touched.get(id) ?? -Infinity) < TOUCH_EVERY_MS) return;
    if (touched.size >= REMEMBERED) touched.delete(touched.keys().next().value!);
    touched.set(id, now);
    // Nobody waits for it, and losing one loses nothing.
    touchApiKey(pool, id).catch(() => touched.delete(id));
  };
  const callerOf = (apiKey: ApiKey | null): Caller | null => {
    if (apiKey === null || apiKey.revoked_at !== null) return null;
    if (apiKey.expires_at !== null && apiKey.expires_at.getTime() <= Date.now()) return null;
    touch(apiKey.id);
    return { name: apiKey.name, scope: apiKey.scope, keyId: apiKey.id, tenant: apiKey.tenant };
  };

  return {
    async byKey(key) {
      const hash = hashKey(key);
      // Digests have one length, so the comparison takes the same time whatever was sent.
      if (roots.filter((root) => timingSafeEqual(hash, root)).length > 0) return ROOT;
      if (!KEY_PATTERN.test(key)) return null;
      const apiKey = await lookUp(hash.toString("base64"), async () => {
        const found = await findApiKey(pool, hash);
        return found !== null && timingSafeEqual(found.key_hash, hash) ? found : null;
      });
      return callerOf(apiKey);
    },
    async byId(id) {
      return id === null ? ROOT : callerOf(await lookUp(id, () => getApiKey(pool, id)));
    },
    forget(id) {
      revocations++;
      for (const [index, { apiKey }] of seen) if (apiKey.id === id) seen.delete(index);
    },
  };
}
