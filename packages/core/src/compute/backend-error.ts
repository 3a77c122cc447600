import type { VolumeRef } from "./backend.js";

/**
 * A provider's failure. Its `kind` is for the attempts of one operation, `passing` for what comes after the last of
 * them; they are told apart since a refusal may be sure for now and over in an hour (no credentials, no quota).
 *
 * - `transient`: worth another try in some seconds (time-out, 5xx, connection refused, a race with another request).
 * - `permanent`: another try with the same request fails the same way for now (bad image name, expired credentials).
 */
export class BackendError extends Error {
  readonly code: BackendErrorCode;
  readonly kind: "transient" | "permanent";
  /**
   * The cause lies outside the request and may end without any change of it: an outage, no room, a quota, credentials
   * that have expired. What Berth began by itself goes on at growing intervals for as long as this is so (I14); a
   * person's own request may fail at once. False for what only another spec or setting can mend.
   * Default: true of `transient`, false of `permanent`.
   */
  readonly passing: boolean;
  /** The provider's own code or HTTP status, for operators. Never holds a secret. */
  readonly providerCode: string | null;

  constructor(
    code: BackendErrorCode,
    kind: "transient" | "permanent",
    message: string,
    options: { providerCode?: string | null; cause?: unknown; passing?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "BackendError";
    this.code = code;
    this.kind = kind;
    this.passing = options.passing ?? kind === "transient";
    this.providerCode = options.providerCode ?? null;
  }
}

/**
 * - `capacity`: there is no room there now, and nothing was made.
 * - `quota`: the account, place or host may have no more of it, wherever.
 * - `credentials`: the provider knows who asks and refuses, or doesn't know them: expired, unknown, or not allowed to.
 */
export type BackendErrorCode =
  | "backend_unreachable"
  | "backend_timeout"
  | "backend_failed"
  | "image_not_found"
  | "invalid_spec"
  | "start_failed"
  | "name_taken"
  /** A volume that was made, and may hold data, isn't there any more. */
  | "volume_missing"
  | "other_generation"
  | "capacity"
  | "quota"
  | "credentials"
  | "termination_protected"
  | "throttled"
  /** The call would have reached, or has reached, another place than the one meant (I12). */
  | "wrong_place"
  /** A secret that the spec refers to isn't there on this worker; its message names it. */
  | "secret_not_found"
  | "aborted";

/** A volume that was made before isn't at its provider any more. */
export function volumeMissing({ name, providerId }: VolumeRef, providerCode?: string): BackendError {
  const id = providerId === null || providerId === name ? name : `${name} (${providerId})`;
  return new BackendError(
    "volume_missing",
    "permanent",
    `volume ${id} is not there any more, and what was in it with it; no empty one is made in its place`,
    { providerCode: providerCode ?? null },
  );
}
