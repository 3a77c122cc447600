import { randomBytes, randomUUID } from "node:crypto";
import { upsertLogin, type ApiKey } from "../db/api-keys.js";
import { insertEvents } from "../db/events.js";
import { type Pool, transaction } from "../db/pool.js";
import { hashKey, keyEvent } from "./api-keys.js";

/** What the names of people begin with. A key can't be named so. */
export const PERSON = "person:";

/**
 * Writes down that a person has logged in. The person is a key that nobody has, so that what holds for keys holds here: its name on
 * what it asks for, its end, and that whoever revokes it ends all logins of the person at once.
 */
export async function recordLogin(
  pool: Pool,
  { name, ...rights }: Pick<ApiKey, "name" | "scope" | "tenant" | "expires_at">,
): Promise<ApiKey> {
  const nobodys = hashKey(randomBytes(32).toString("base64url"));
  return transaction(pool, async (tx) => {
    const { made, ...person } = await upsertLogin(tx, {
      id: randomUUID(),
      name: PERSON + name,
      key_hash: nobodys,
      ...rights,
    });
    if (made) await insertEvents(tx, [keyEvent("api_key.created", person, person.name)]);
    return person;
  });
}
