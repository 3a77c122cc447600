import { hkdfSync } from "node:crypto";
import { seal, unseal } from "../base/sealed-box.js";
import { SECRET_PREFIX } from "../base/webhook-secret.js";
import type { Pool } from "../db/pool.js";
import { listUnsealed, replaceSecret } from "../db/webhooks.js";

const SEALED_PREFIX = "sealed1_";

/** Encrypts a webhook's secret under BERTH_SECRET, and for that webhook alone. */
export function sealSecret(berthSecret: string, webhookId: string, secret: string): string {
  const sealed = seal(keyOf(berthSecret), Buffer.from(secret), Buffer.from(webhookId));
  return SEALED_PREFIX + sealed.toString("base64");
}

/** One that isn't sealed yet is taken as it is. @returns null if it was sealed under another BERTH_SECRET */
export function openSecret(berthSecret: string, webhookId: string, kept: string): string | null {
  if (kept.startsWith(SECRET_PREFIX)) return kept;
  if (!kept.startsWith(SEALED_PREFIX)) return null;
  const bytes = Buffer.from(kept.slice(SEALED_PREFIX.length), "base64");
  return unseal(keyOf(berthSecret), bytes, Buffer.from(webhookId))?.toString("utf8") ?? null;
}

/**
 * Seals what an API, which hasn't BERTH_SECRET, or an earlier version has written. Of any number of workers at once each
 * secret is sealed by one.
 */
export async function sealSecrets(pool: Pool, berthSecret: string): Promise<void> {
  for (const { id, secret } of await listUnsealed(pool, SECRET_PREFIX))
    await replaceSecret(pool, id, secret, sealSecret(berthSecret, id, secret));
}

function keyOf(berthSecret: string): Buffer {
  return Buffer.from(hkdfSync("sha256", berthSecret, "", "berth webhook secrets", 32));
}
