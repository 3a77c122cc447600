import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { SECRET_PREFIX } from "../base/webhook-secret.js";
import type { Pool } from "../db/pool.js";
import { listUnsealed, replaceSecret } from "../db/webhooks.js";

const SEALED_PREFIX = "sealed1_";
const CIPHER = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts a webhook's secret under BERTH_SECRET, and for that webhook alone. */
export function sealSecret(berthSecret: string, webhookId: string, secret: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(berthSecret), iv).setAAD(Buffer.from(webhookId));
  const sealed = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
  return SEALED_PREFIX + Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString("base64");
}

/** One that isn't sealed yet is taken as it is. @returns null if it was sealed under another BERTH_SECRET */
export function openSecret(berthSecret: string, webhookId: string, kept: string): string | null {
  if (kept.startsWith(SECRET_PREFIX)) return kept;
  if (!kept.startsWith(SEALED_PREFIX)) return null;
  const bytes = Buffer.from(kept.slice(SEALED_PREFIX.length), "base64");
  try {
    const decipher = createDecipheriv(CIPHER, keyOf(berthSecret), bytes.subarray(0, IV_BYTES))
      .setAAD(Buffer.from(webhookId))
      .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    const opened = decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES));
    return Buffer.concat([opened, decipher.final()]).toString("utf8");
  } catch {
    return null;
  }
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
