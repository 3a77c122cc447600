import { randomBytes } from "node:crypto";

export const SECRET_PREFIX = "whsec_";

/** What signs a webhook's requests, as https://www.standardwebhooks.com has it: 256 random bits, in base64. */
export function newSecret(): string {
  return SECRET_PREFIX + randomBytes(32).toString("base64");
}
