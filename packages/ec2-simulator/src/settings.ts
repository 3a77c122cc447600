import type { BucketChoice } from "./limits/buckets.js";

/** Milliseconds on the simulator's clock, or a range from which each occasion draws. */
export type Delay = number | readonly [min: number, max: number];

export interface Delays {
  /** `pending` → `running`. */
  pending: Delay;
  /** `stopping` → `stopped`. */
  stopping: Delay;
  /** `shutting-down` → `terminated`. */
  shuttingDown: Delay;
  /** How long a terminated instance can still be described. About an hour in AWS. */
  terminatedVisible: Delay;
  /** From RunInstances or CreateVolume until the new id is known to other calls (eventual consistency). */
  visibility: Delay;
  /** From `running` until the status checks say `ok`. */
  statusChecks: Delay;
  creatingVolume: Delay;
  deletingVolume: Delay;
  attaching: Delay;
  detaching: Delay;
  /** Route53: `PENDING` → `INSYNC`. */
  dnsSync: Delay;
}

export const DEFAULT_DELAYS: Delays = {
  pending: 2_000,
  stopping: 2_000,
  shuttingDown: 2_000,
  terminatedVisible: 3_600_000,
  visibility: 0,
  statusChecks: 0,
  creatingVolume: 500,
  deletingVolume: 500,
  attaching: 500,
  detaching: 500,
  dnsSync: 1_000,
};

export interface Settings {
  delays: Delays;
  buckets: BucketChoice;
  /** Stop of a pending instance: refused in some accounts, accepted in others (docs/ec2-facts.md, States). */
  stopPending: "refuse" | "accept";
  /** RunInstances with the token of a terminated instance: today's error, or the dead instance as in the past. */
  terminatedToken: "error" | "instance";
  /** Put above the low byte of every state code, as AWS may do: clients have to mask it off. */
  stateCodeHighByte: number;
  /** Letters of the Availability Zones in each Region. */
  zones: readonly string[];
  /** Further subnets, with the Availability Zone of each. */
  subnets: Readonly<Record<string, string>>;
  /** Hosted zones that exist from the start: id to domain name. */
  hostedZones: Readonly<Record<string, string>>;
  /** Account of each access key id; keys that aren't listed belong to {@link Settings.defaultAccount}. */
  accounts: Readonly<Record<string, string>>;
  defaultAccount: string;
  /** What Service Quotas says of vCPUs in each Region, by the quota's code. It is told, and no launch is refused by it. */
  vcpuLimits: Readonly<Record<string, number>>;
  /** Systems Manager's in each account and Region, by name. */
  parameters: Readonly<Record<string, string>>;
  /** Secrets Manager's in each account and Region, by name; a binary one as base64. */
  secrets: Readonly<Record<string, string | { binary: string }>>;
  /** Calls kept in the log. */
  callLogSize: number;
}

export const DEFAULT_SETTINGS: Settings = {
  delays: DEFAULT_DELAYS,
  buckets: false,
  stopPending: "refuse",
  terminatedToken: "error",
  stateCodeHighByte: 0,
  zones: ["a", "b", "c"],
  subnets: {},
  hostedZones: { ZSIMULATOR: "sim.example." },
  accounts: {},
  defaultAccount: "123456789012",
  // Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances.
  vcpuLimits: { "L-1216C47A": 640 },
  parameters: {},
  secrets: {},
  callLogSize: 5_000,
};

/** Delays with `changes` over them. @throws TypeError naming the key that isn't a delay. */
export function mergeDelays(base: Delays, changes: Readonly<Record<string, unknown>>): Delays {
  for (const [name, value] of Object.entries(changes)) {
    if (!Object.hasOwn(DEFAULT_DELAYS, name))
      throw new TypeError(`unknown delay "${name}"; known: ${Object.keys(DEFAULT_DELAYS).join(", ")}`);
    if (!isDelay(value)) throw new TypeError(`delay "${name}" must be milliseconds >= 0 or [min, max]`);
  }
  return { ...base, ...changes };
}

function isDelay(value: unknown): value is Delay {
  if (Array.isArray(value)) return value.length === 2 && value.every(isDuration) && value[0]! <= value[1]!;
  return isDuration(value);
}

function isDuration(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && Number.isFinite(value);
}
