import { createHash } from "node:crypto";
import { AwsError } from "../errors.js";
import type { Reader } from "../query/reader.js";

const LONGEST_TOKEN = 64;
/** How long a token is remembered. Not in docs/ec2-facts.md: assumed. */
const REMEMBERED_MS = 24 * 3_600_000;

interface Use<Made> {
  fingerprint: string;
  made: Made;
  at: number;
}

/** Which client token made what. */
export class TokenMemory<Made> {
  readonly #uses = new Map<string, Use<Made>>();

  /**
   * What an earlier call with this token made, or null.
   * @throws AwsError `IdempotentParameterMismatch` if that call had other parameters.
   */
  recall(token: string, fingerprint: string, now: number): Made | null {
    this.#forget(now);
    const use = this.#uses.get(token);
    if (!use) return null;
    if (use.fingerprint !== fingerprint)
      throw new AwsError(
        "IdempotentParameterMismatch",
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
      );
    return use.made;
  }

  remember(token: string, fingerprint: string, made: Made, now: number): void {
    this.#uses.set(token, { fingerprint, made, at: now });
  }

  /** Uses are in order of time, so the old ones come first. */
  #forget(now: number): void {
    for (const [token, use] of this.#uses) {
      if (now - use.at < REMEMBERED_MS) return;
      this.#uses.delete(token);
    }
  }
}

/** The request's `ClientToken`. @throws AwsError if it isn't at most 64 ASCII characters. */
export function readClientToken(reader: Reader): string | null {
  const token = reader.string("ClientToken");
  if (token === undefined) return null;
  if (token.length > LONGEST_TOKEN || !/^[\x20-\x7e]*$/.test(token))
    throw new AwsError(
      "InvalidParameterValue",
      `Invalid value for parameter ClientToken. Must be at most ${LONGEST_TOKEN} ASCII characters.`,
    );
  return token;
}

/** Equal for two requests with the same parameters, in whatever order they were sent. */
export function fingerprintOf(flat: readonly [string, string][]): string {
  const hash = createHash("sha1");
  const parts = flat
    .filter(
      ([name]) =>
        !["Action", "Version", "ClientToken", "DryRun"].includes(name) && !name.startsWith("X-Amz-"),
    )
    .map(([name, value]) => JSON.stringify([name, value]))
    .toSorted();
  return hash.update(parts.join("\n")).digest("base64");
}
