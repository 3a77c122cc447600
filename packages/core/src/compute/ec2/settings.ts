import type { Ec2Spec } from "../../domain/ec2-spec.js";
import type { Owner } from "../../domain/owner.js";
import type { Logger } from "../../base/logger.js";
import type { Absences } from "./absence.js";

/** What the backend is told by the configuration. Times in ms. */
export interface Ec2Options extends Owner {
  /** Used where a spec leaves them unset. */
  defaults: Omit<Ec2Spec, "tags" | "spot" | "containers">;
  volumeType: string;
  /** Shell command that starts the agent where the spec has no `command`; null: the image's own service. */
  agentCommand: string | null;
  /** Which address others use: in the workspace's URL and its DNS record. */
  address: "private" | "public";
  /** The workspace's URL, with `{host}` for its name or address; null: none. */
  urlTemplate: string | null;
  /** Records are made where this is set. `suffix` has no dot at either end. */
  dns: { zoneId: string; suffix: string } | null;
  /** How long after a call its effect may still be invisible to others (eventual consistency). */
  settleMs: number;
  /** How long an instance whose end nobody saw must be missing from clean answers until it counts as gone. */
  absenceMs: number;
  /** Where it is kept since when that has been so. */
  absences: Absences;
  callTimeoutMs: number;
  /** How long a launched instance may take until it runs and has its volume. */
  startTimeoutMs: number;
  /** How long `stop` waits for the end before it answers `stopping`. */
  stopGraceMs: number;
  /** Share of the provider's token buckets that this process may use, 0 to 1. */
  apiShare: number;
  /** For a simulator; what is unset comes from the SDK's own chain. */
  endpoint?: string | undefined;
  region?: string | undefined;
  /** Of the SDK's own files. */
  profile?: string | undefined;
  credentials?: { accessKeyId: string; secretAccessKey: string } | undefined;
  logger?: Logger | undefined;
  /** Told of each request that was sent to AWS: every attempt by itself. */
  observe?: ((request: SentRequest) => void) | undefined;
}

export interface SentRequest {
  /** As AWS names it, such as `RunInstances`. */
  action: string;
  outcome: "ok" | "throttled" | "failed";
  ms: number;
  /** For how long the limiter held it before. */
  waitedMs: number;
}
