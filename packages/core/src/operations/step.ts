import type { Backend, CallOptions, CallPriority } from "../compute/backend.js";
import { BackendError } from "../compute/backend-error.js";
import type { Operation } from "../db/operations.js";
import type { WithCommit } from "../db/sent.js";
import type { Queryable, Tx } from "../db/pool.js";
import type { OpenResource } from "../db/resources.js";
import type { Workspace } from "../db/workspaces.js";
import type { Policy } from "../domain/policy.js";
import type { HeldLedger } from "./held-ledger.js";
import type { Patience } from "./patience.js";

/** What may be used while a workspace's gate is held. Everything recorded goes through `fenced`. */
export interface HeldContext {
  /** The operation that events are told of; null for a sweep's work. */
  readonly operationId: string | null;
  readonly workspaceId: string;
  /** Where the workspace is, and all that is touched. */
  readonly place: string;
  /** Of that place. @throws BackendError `wrong_place` where this worker doesn't serve it (I12) */
  readonly backend: Backend;
  readonly db: Queryable;
  readonly limits: LifecycleLimits;
  /** Aborts provider calls and waits: lease lost, process ending, attempt too long. */
  readonly signal: AbortSignal;
  /** Aborts when a cancellation, or a delete, wants this out of the way. */
  readonly unwanted: AbortSignal;
  /** How its provider calls rank among others'. */
  readonly priority: CallPriority;
  /** Null for a sweep's work, which takes no slot of an operation: it waits where it is. */
  readonly patience: Patience | null;
  /** A safe point. Called before each act on a provider. @throws LeaseLostError, CancelledError */
  check(): void;
  /** What is known of the workspace's things. */
  readonly ledger: HeldLedger;
  /** @throws LeaseLostError */
  fenced<T>(work: (tx: Tx) => Promise<T | WithCommit<T>>): Promise<T>;
  /**
   * Records what can wait until the next transaction, which writes it too: nothing that a provider is asked for rests on it,
   * and if it is lost with its worker, the next one finds it out again. @throws LeaseLostError
   */
  later(write: (tx: Tx) => Promise<unknown>): Promise<void>;
  /** Writes what waits. @throws LeaseLostError */
  flush(): Promise<void>;
}

/** What a step of an operation may use. */
export interface StepContext extends HeldContext {
  readonly operation: Operation;
  /** As it was when the attempt began. */
  readonly workspace: Workspace;
  /** The token of a generation: the same in every worker, so that any of them can resume a launch. */
  tokenOf(generation: number): string;
  /** Where this worker finds what the spec refers to. */
  readonly secretSources: SecretSources;
  /** What its place's account was asked for in this attempt, and so isn't again. */
  readonly askedSecrets: Map<string, Promise<string>>;
  /** What it has a container kept by. */
  readonly policy: Policy;
}

/** Where this worker looks for what specs refer to. */
export interface SecretSources {
  /** Its files may be named; null: none may. */
  directory: string | null;
  /** Variables of this process that may be named, by their whole names. */
  variables: Readonly<Record<string, string>>;
  /** With what names of secrets in a place's account must begin; null: none may be named. */
  accountPrefix: string | null;
}

/** Time limits in ms. */
export interface LifecycleLimits {
  /** How long a launched instance may take until it runs. */
  startTimeoutMs: number;
  /** How long an instance that was asked to stop may take until it is proven gone. */
  stopTimeoutMs: number;
  /** What instances are told to call. */
  publicUrl: string;
  deploymentId: string;
}

/**
 * One step of an operation: idempotent, and resumable by any worker from what the ledger says.
 * @throws BackendError, and what {@link StepContext.check} throws.
 */
export interface Step {
  readonly name: string;
  /** True: it writes, through `fenced`, before it asks its provider for anything; its name is recorded with that. */
  readonly writesFirst?: boolean;
  run(context: StepContext): Promise<void>;
}

/** Under whose signal, and how urgently, a provider is asked. */
export function callOf({ signal, unwanted, priority, patience }: HeldContext): CallOptions {
  return { signal, unwanted, priority, ...(patience !== null && { patienceMs: patience.heldMs }) };
}

/** @throws BackendError `wrong_place` for a thing that was made elsewhere (I12) */
export function requireHere({ place }: HeldContext, row: OpenResource): OpenResource {
  if (row.place === place) return row;
  throw new BackendError(
    "wrong_place",
    "transient",
    `${row.kind} ${row.provider_id ?? row.name} is in place ${row.place}, and its workspace in ${place}`,
  );
}
