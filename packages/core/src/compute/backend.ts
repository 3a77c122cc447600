import type { BackendName } from "../domain/backend.js";
import type { Details, Examination } from "./details.js";
import type { Confinement } from "../domain/policy.js";
import type { LaunchSecrets, LaunchSpec } from "../domain/secrets.js";
import type { AskSecret, Needs } from "./needs.js";
import type { Notes } from "./notes.js";

/**
 * The contract between the lifecycle and a provider. `test/compute/conformance.ts` holds every backend to
 * it. Three rules bind all methods:
 * - **Idempotent.** A method may be called again with the same arguments after any crash, also while the
 *   first call is still being carried out, and has the same effect as one call.
 * - **"Already gone" is an answer,** never an error.
 * - **Ownership (I10).** A backend only ever changes what carries its deployment's name and its installation's
 *   id, or the name alone, as what was made before installations had ids. What carries the name and another
 *   installation's id is `name_taken` to acts, `unknown` to probes, and listed among the lookalikes. A name taken
 *   by a foreign thing is `BackendError` (backend-error.ts) `name_taken`, and the thing stays as it is.
 *
 * Methods reject with `BackendError`; every provider call has a time limit of its own and obeys `signal`.
 */
export interface Backend {
  readonly name: BackendName;

  /**
   * For how long, in ms, a thing may still appear after a call whose answer never came. Until then an
   * absence proves nothing (I4).
   */
  readonly settleMs: number;

  /**
   * Which place (one daemon, one account and Region, one machine) the next call of this backend reaches, in words
   * that the provider itself tells and that no other place has (I12): the same for as long as what was made there may
   * still be there, and another one once its data was wiped. Null: it carries no identity yet, or no longer.
   *
   * It is asked before each call and again before an absence counts, so it should cost nothing while a connection
   * that is known still leads to the same peer; but whatever the connection, address or credentials may lead to
   * another place, it asks anew.
   * @throws BackendError where it can't be told: then nothing that the provider says counts.
   */
  identify(options: CallOptions): Promise<string | null>;

  /**
   * Gives a place that carries no identity one, and returns it; of any number of callers at once all get the same.
   * Where it has one already, that one. Absent where `identify` is never null.
   */
  mark?(options: CallOptions): Promise<string>;

  /**
   * Makes the volume, or finds it, by `volume.name`; labels tell deployment and workspace. One with a `providerId` was made
   * before: where the provider says cleanly that it is gone, it is `volume_missing`, permanent, since a new one would be empty.
   * `spec` is what its instance will run, for providers that size or place a volume by it.
   * @returns the provider's id of the volume, and what the ledger is to remember of it.
   */
  createVolume(
    volume: VolumeRef,
    options: CallOptions & { spec?: Pick<LaunchSpec, "ec2" | "tier"> },
  ): Promise<{ providerId: string; details?: Details }>;

  /**
   * Removes it with what is in it. `in_use` while an instance holds it (I8), `gone` on the provider's word (I4).
   */
  removeVolume(volume: VolumeRef, options: CallOptions): Promise<"gone" | "in_use">;

  /**
   * Makes and starts the instance, or adopts the one that an earlier call of the same workspace and
   * generation made. An instance of another generation is an error, never a second one: `other_generation`,
   * transient for an older one, which may yet be stopped, and permanent for a newer one, beside which this
   * launch is out of date (I9). An instance that has run and ended is adopted as it is and not run again.
   * `capacity` means that nothing was made, and that there is no room where the volume is.
   * @returns with `starting` if it was made and isn't up within `patienceMs`: the same call is to be made again.
   */
  launch(
    request: LaunchRequest,
    options: CallOptions,
  ): Promise<{ providerId: string; url: string | null; details?: Details; starting?: boolean }>;

  /**
   * Asks for the end of the instance: politely first, then by force, and removes what is left of it (but not its volume).
   * Finds it by `providerId`, or when that is null by name **and** generation: a late call can't touch a newer one (I9).
   * @returns `gone` only on the provider's word (I4); `stopping` if it must be asked again with `probe`.
   */
  stop(instance: InstanceRef, options: CallOptions): Promise<"gone" | "stopping">;

  /**
   * Where each instance is, in as few provider calls as possible, keyed by `resourceId`. Never rejects for a provider's
   * failure: what can't be told for certain is `unknown` (I5). One that is stopped, and whose remains are there, is `stopped`.
   */
  probe(instances: readonly InstanceRef[], options: CallOptions): Promise<Map<string, InstanceState>>;

  /**
   * All instances, volumes and names of this installation, in any state, and those of its deployment that name no
   * installation, or a rejection: never a part.
   */
  listOwned(options: CallOptions): Promise<OwnedResource[]>;

  /**
   * What is named as ours are (`ws-<workspace id>`) and carries no label of any deployment, or that of another
   * installation of ours. It is shown to operators and never touched (I10). All of it, or a rejection.
   */
  listLookalikes?(options: CallOptions): Promise<OwnedResource[]>;

  /**
   * What the instance wrote, oldest first; no lines if there are none or it is gone. At most the last `tail`
   * lines, 10,000 lines and about a MiB. With `since`, only what came after it.
   */
  logs(instance: InstanceRef, options: LogOptions): Promise<Logs>;

  /**
   * Why the instance ended, in the provider's own code, such as `Server.SpotInstanceTermination`; where it runs
   * programs, how the program ended (`ends.ts`): exit code, signal, out of memory, or that its command is over.
   * Null if it isn't known. Asks nobody: an earlier `probe`, or `stop`, has seen it. Absent where there are no reasons.
   */
  reasonOf?(instance: InstanceRef): string | null;

  /** What its place is like; changes nothing. Absent where there is nothing to ask. @throws BackendError */
  examine?(options: CallOptions & { images: readonly string[] }): Promise<Examination>;
  /** See {@link Needs}. Absent where a launch needs nothing that may be missing. @throws BackendError */
  ready?(needs: Needs, options: CallOptions): Promise<void>;
  /** Absent where no account has secrets. */
  readonly secretOf?: AskSecret;
  /** By which copies of our database are told. */
  readonly notes?: Notes;
  /** Names for instances; absent where none are configured. */
  readonly dns?: Dns | undefined;

  /** Gives back connections. Running instances stay as they are. */
  close(): Promise<void>;
}

/** Records in a zone. The same rules bind it as a {@link Backend}. */
export interface Dns {
  /** The full name that a workspace's record has. */
  nameOf(workspaceId: string): string;
  /** Points the record at the instance, whatever it pointed at before. Its name is `record.name`. */
  publish(
    record: VolumeRef,
    instance: InstanceRef,
    options: CallOptions,
  ): Promise<{ providerId: string; url: string | null; details?: Details }>;
  /** All records of this deployment, or a rejection: never a part. */
  listOwned(options: CallOptions): Promise<OwnedResource[]>;
  /** Removes the record. One that is gone already, or was changed by another, is no error. */
  remove(record: VolumeRef, options: CallOptions): Promise<"gone">;
}

export interface CallOptions {
  signal: AbortSignal;
  /**
   * Aborts when the operation is no longer wanted: what makes nothing yet and may take long, such as the pull of an
   * image, ends at once (`aborted`). A change that is under way goes on, so that its answer isn't lost.
   */
  unwanted?: AbortSignal;
  /**
   * For how long, in ms, the call may wait for what the provider has begun; absent: the backend's own limits. Then a stop
   * answers `stopping` and a launch `starting`, and both are called again: nobody's slot is taken by a wait (I15).
   */
  patienceMs?: number;
  /** Who goes first where a provider limits its calls. Default: what the method is mostly called for. */
  priority?: CallPriority;
}

/** A user waits for it; something is to go; Berth looks after things by itself. In this order. */
export type CallPriority = "user" | "delete" | "reconcile";

export interface LogOptions extends CallOptions {
  tail: number;
  since?: string | undefined;
  /** Leaves a last line that has no end yet for the next time, where that can be told. */
  wholeLines?: boolean;
}

export interface Logs {
  lines: LogLine[];
  /** Where this answer ends, for `since` of the same instance. Null: nothing was found that one could go on from. */
  cursor: string | null;
  /** Without `since`: there was more than was asked for. With it: some of what came after it is missing. */
  truncated: boolean;
}

export interface LogLine {
  /** Null where the provider doesn't tell the two apart. */
  stream: "stdout" | "stderr" | null;
  /** When it was written, by the provider's clock, RFC 3339; null where it keeps none. */
  time: string | null;
  text: string;
}

export interface VolumeRef {
  resourceId: string;
  workspaceId: string;
  /** Deterministic, unique in the deployment: `ws-<workspace id>`. */
  name: string;
  /** Null until the provider has answered once. */
  providerId: string | null;
  /** Makes repeated calls one (at most 64 ASCII characters); new for each ledger row. */
  clientToken: string;
  details: Details;
  /**
   * When the provider was last asked to make it, by this process's monotonic clock (`performance.now()`, ms): from
   * its age by the database's clock, since wall clocks of workers differ. Null: never.
   */
  askedAt: number | null;
}

export interface InstanceRef {
  resourceId: string;
  workspaceId: string;
  generation: number;
  /** Deterministic: `ws-<workspace id>`. The same for each generation, so that two can't run at once. */
  name: string;
  /** Null until the provider has answered once; the instance may exist all the same (a lost reply). */
  providerId: string | null;
  /** These three as in {@link VolumeRef}. */
  clientToken: string;
  details: Details;
  askedAt: number | null;
}

export interface LaunchRequest {
  instance: InstanceRef;
  volume: VolumeRef;
  spec: LaunchSpec;
  secretArguments?: LaunchSecrets;
  /** Given to the instance with the spec's own: `BERTH_WORKSPACE_ID`, `BERTH_TOKEN`, `BERTH_GENERATION`, … */
  env: Readonly<Record<string, string>>;
  /** How a container is to be kept; passed over where there are none. */
  confinement?: Confinement;
  /**
   * Records another client token, or more details, in the instance's ledger row, and that its provider is asked now.
   * A backend that asks for something else (another zone or type) does so under a new token, saved before the call (I3).
   */
  save(change: { clientToken?: string; details?: Details }): Promise<void>;
}

/** `starting`: it exists and will run; `stopped`: it exists and doesn't run; `gone`: it isn't there. */
export type InstanceState = "running" | "starting" | "stopped" | "gone" | "unknown";

export interface OwnedResource {
  kind: "instance" | "volume" | "dns_record";
  providerId: string;
  name: string;
  workspaceId: string | null;
  generation: number | null;
  /** Which installation has made it; null: one that had no id yet, or nobody that says so. */
  installation: string | null;
  /** By the provider's clock; null where it keeps none. */
  createdAt: Date | null;
  /** Of an instance; anything else, which doesn't run, is `stopped`. */
  state: InstanceState;
}
