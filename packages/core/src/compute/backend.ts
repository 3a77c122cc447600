import type { BackendName, Spec } from "../domain/spec.js";

/**
 * The contract between the lifecycle and a provider. `test/compute/conformance.ts` holds every backend to
 * it. Three rules bind all methods:
 *
 * - **Idempotent.** A method may be called again with the same arguments after any crash, also while the
 *   first call is still being carried out, and has the same effect as one call.
 * - **"Already gone" is an answer,** never an error.
 * - **Ownership (I10).** A backend only ever changes what carries its deployment id. A name taken by a
 *   foreign thing is {@link BackendError} `name_taken`, and the thing stays as it is.
 *
 * Methods reject with {@link BackendError}; every provider call has a time limit of its own and obeys
 * `signal`.
 */
export interface Backend {
  readonly name: BackendName;

  /**
   * For how long, in ms, a thing may still appear after a call whose answer never came. Until then an
   * absence proves nothing (I4).
   */
  readonly settleMs: number;

  /**
   * Makes the volume, or finds it. Its name is `volume.name`; labels tell deployment and workspace.
   * @returns the provider's id of the volume.
   */
  createVolume(volume: VolumeRef, options: CallOptions): Promise<{ providerId: string }>;

  /**
   * Removes the volume with what is in it. `in_use` while an instance holds it: never forced (I8).
   * `gone` only when the provider has said that it isn't there (I4).
   */
  removeVolume(volume: VolumeRef, options: CallOptions): Promise<"gone" | "in_use">;

  /**
   * Makes and starts the instance, or adopts the one that an earlier call of the same workspace and
   * generation made. An instance of another generation is an error (`other_generation`), never a second one.
   */
  launch(request: LaunchRequest, options: CallOptions): Promise<{ providerId: string; url: string | null }>;

  /**
   * Asks for the end of the instance: politely first, then by force, and removes what is left of it (but
   * not its volume). Finds it by `providerId`, or when that is null by name **and** generation, so that a
   * late call for an old generation can't touch a newer one (I9).
   * @returns `gone` only on the provider's word (I4); `stopping` if it must be asked again with `probe`.
   */
  stop(instance: InstanceRef, options: CallOptions): Promise<"gone" | "stopping">;

  /**
   * Where each instance is, in as few provider calls as possible, keyed by `resourceId`. Never rejects for a
   * provider's failure: whatever can't be told for certain is `unknown` (I5). A stopped instance whose
   * remains are still there is `stopped`.
   */
  probe(instances: readonly InstanceRef[], options: CallOptions): Promise<Map<string, InstanceState>>;

  /** All instances and volumes of this deployment, in any state, or a rejection: never a part. */
  listOwned(options: CallOptions): Promise<OwnedResource[]>;

  /** The last `tail` lines that the instance wrote; empty if there are none or it is gone. */
  logs(instance: InstanceRef, options: CallOptions & { tail: number }): Promise<string>;

  /** Gives back connections. Running instances stay as they are. */
  close(): Promise<void>;
}

export interface CallOptions {
  signal: AbortSignal;
}

export interface VolumeRef {
  /** The ledger row. */
  resourceId: string;
  workspaceId: string;
  /** Deterministic, unique in the deployment: `ws-<workspace id>`. */
  name: string;
  /** Null until the provider has answered once. */
  providerId: string | null;
}

export interface InstanceRef {
  resourceId: string;
  workspaceId: string;
  generation: number;
  /** Deterministic: `ws-<workspace id>`. The same for each generation, so that two can't run at once. */
  name: string;
  /** Null until the provider has answered once; the instance may exist all the same (a lost reply). */
  providerId: string | null;
}

export interface LaunchRequest {
  instance: InstanceRef;
  volume: VolumeRef;
  spec: Spec;
  /** Given to the instance with the spec's own: `BERTH_WORKSPACE_ID`, `BERTH_TOKEN`, `BERTH_GENERATION`, … */
  env: Readonly<Record<string, string>>;
}

/** `starting`: it exists and will run; `stopped`: it exists and doesn't run; `gone`: it isn't there. */
export type InstanceState = "running" | "starting" | "stopped" | "gone" | "unknown";

export interface OwnedResource {
  kind: "instance" | "volume";
  providerId: string;
  name: string;
  workspaceId: string | null;
  generation: number | null;
  createdAt: Date;
  state: InstanceState;
}

/**
 * A provider's failure.
 * - `transient`: worth another try (time-out, 5xx, connection refused, a race with another request).
 * - `permanent`: another try with the same request fails the same way (bad image name, bad command).
 */
export class BackendError extends Error {
  readonly code: BackendErrorCode;
  readonly kind: "transient" | "permanent";
  /** The provider's own code or HTTP status, for operators. Never holds a secret. */
  readonly providerCode: string | null;

  constructor(
    code: BackendErrorCode,
    kind: "transient" | "permanent",
    message: string,
    options: { providerCode?: string | null; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "BackendError";
    this.code = code;
    this.kind = kind;
    this.providerCode = options.providerCode ?? null;
  }
}

export type BackendErrorCode =
  | "backend_unreachable"
  | "backend_timeout"
  | "backend_failed"
  | "image_not_found"
  | "invalid_spec"
  | "start_failed"
  | "name_taken"
  | "other_generation"
  | "capacity"
  | "throttled"
  | "aborted";
