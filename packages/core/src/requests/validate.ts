import { BerthError } from "../base/errors.js";
import { isFuture } from "../db/expiry.js";
import type { Tx } from "../db/pool.js";
import { missingForBackend, type BackendName } from "../domain/backend.js";
import type { changedSpec } from "../domain/secrets.js";
import type { Spec } from "../domain/spec.js";

/** What a list of a thousand can carry. */
const MAX_SPEC_BYTES = 64 * 1_024;

/** @throws BerthError `invalid_request` if the spec lacks what its backend needs, or is too large. */
export function requireCompleteSpec(backend: BackendName, spec: Spec): void {
  const errors = [
    ...missingForBackend(backend, spec),
    ...(Buffer.byteLength(JSON.stringify(spec)) <= MAX_SPEC_BYTES
      ? []
      : [{ field: "spec", expected: "at most 64 KiB as JSON" }]),
    // Its name is what messages of providers and of the system are about.
    ...(typeof (spec.command?.[0] ?? "") === "string"
      ? []
      : [{ field: "spec.command[0]", expected: "a program, as plain text" }]),
  ];
  if (errors.length > 0) throw invalidRequest(errors);
}

/** @throws BerthError `invalid_request` if a change keeps a secret that isn't there. */
export function requireKept({ spec, problems }: ReturnType<typeof changedSpec>): Spec {
  if (problems.length > 0) throw invalidRequest(problems);
  return spec;
}

/** By the database's clock. @throws BerthError `invalid_request`. */
export async function requireFuture(tx: Tx, expiresAt: Date | null | undefined): Promise<void> {
  if (expiresAt === null || expiresAt === undefined || (await isFuture(tx, expiresAt))) return;
  throw invalidRequest([{ field: "expires_at", expected: "a time in the future, or null for never" }]);
}

/** What a field of a request should have been. */
export function invalidRequest(errors: readonly { field: string; expected: string }[]): BerthError {
  const message = errors.map(({ field, expected }) => `${field}: expected ${expected}`).join("; ");
  return new BerthError("invalid_request", message, { errors });
}
