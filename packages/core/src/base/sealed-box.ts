import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const CIPHER = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;
const NOTHING = Buffer.alloc(0);

/**
 * Encrypts with AES-256-GCM.
 * @param key 32 bytes
 * @param about what it belongs to: it opens for that alone
 */
export function seal(key: Buffer, content: Buffer, about = NOTHING): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv).setAAD(about);
  const sealed = Buffer.concat([cipher.update(content), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]);
}

/** Null for what wasn't sealed under this key about the same. */
export function unseal(key: Buffer, sealed: Buffer, about = NOTHING): Buffer | null {
  try {
    const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, IV_BYTES))
      .setAAD(about)
      .setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    const content = decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES));
    return Buffer.concat([content, decipher.final()]);
  } catch {
    return null;
  }
}
