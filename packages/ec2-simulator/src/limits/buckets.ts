/** Off, as AWS has them, or `scale` times as large and as fast. */
export type BucketChoice = boolean | { scale: number };

export interface Bucket {
  size: number;
  refillPerSecond: number;
}

const RUN_AND_START: Bucket = { size: 5, refillPerSecond: 2 };
const MUTATING: Bucket = { size: 50, refillPerSecond: 5 };
const HEAVY: Bucket = { size: 100, refillPerSecond: 5 };
const TAGS: Bucket = { size: 100, refillPerSecond: 10 };
const DESCRIBE: Bucket = { size: 100, refillPerSecond: 20 };
const UNFILTERED: Bucket = { size: 50, refillPerSecond: 10 };
/** Route53: five requests a second, one bucket for all of its actions. Not in docs/ec2-facts.md. */
const ROUTE53: Bucket = { size: 5, refillPerSecond: 5 };

/** docs/ec2-facts.md, Throttling. AWS evaluates each action individually, so each has its own bucket of this size. */
const BY_ACTION: Readonly<Record<string, Bucket>> = {
  RunInstances: RUN_AND_START,
  StartInstances: RUN_AND_START,
  TerminateInstances: HEAVY,
  CreateTags: TAGS,
  CreateVolume: HEAVY,
  DeleteVolume: HEAVY,
};

const UNFILTERED_ACTIONS = new Set(["DescribeInstances", "DescribeInstanceStatus", "DescribeVolumes"]);

/** Instances launched and started, and ended and stopped, draw on these as well, one token an instance. */
const RESOURCES: Readonly<Record<string, Bucket>> = {
  RunInstances: { size: 1000, refillPerSecond: 2 },
  StartInstances: { size: 1000, refillPerSecond: 2 },
  TerminateInstances: { size: 1000, refillPerSecond: 20 },
  StopInstances: { size: 1000, refillPerSecond: 20 },
};

/** What a call costs. */
export interface Cost {
  action: string;
  /** Filtered or paginated, where that decides about the bucket. */
  narrowed: boolean;
  instances: number;
}

/** The token buckets of one account and Region. */
export class TokenBuckets {
  readonly #levels = new Map<string, { tokens: number; at: number }>();

  /** Takes what the call costs, or nothing. @returns the name of the bucket that is empty, else null. */
  take(cost: Cost, now: number, scale: number): string | null {
    const [name, bucket] = requestBucket(cost);
    const resource = RESOURCES[cost.action];
    if (!this.#has(name, bucket, 1, now, scale)) return name;
    if (resource && !this.#has(`${cost.action}:resources`, resource, cost.instances, now, scale))
      return `${cost.action}:resources`;
    this.#spend(name, 1);
    if (resource) this.#spend(`${cost.action}:resources`, cost.instances);
    return null;
  }

  #has(name: string, bucket: Bucket, amount: number, now: number, scale: number): boolean {
    const full = bucket.size * scale;
    const level = this.#levels.get(name) ?? { tokens: full, at: now };
    const refilled = level.tokens + ((now - level.at) / 1000) * bucket.refillPerSecond * scale;
    this.#levels.set(name, { tokens: Math.min(full, refilled), at: now });
    return this.#levels.get(name)!.tokens >= amount;
  }

  #spend(name: string, amount: number): void {
    this.#levels.get(name)!.tokens -= amount;
  }
}

/** The factor to apply, or null if buckets are off. */
export function scaleOf(choice: BucketChoice): number | null {
  if (typeof choice === "object") return choice.scale;
  return choice ? 1 : null;
}

function requestBucket({ action, narrowed }: Cost): [string, Bucket] {
  const own = BY_ACTION[action];
  if (own) return [action, own];
  if (action.includes("ResourceRecordSets") || action.includes("HostedZone") || action === "GetChange")
    return ["Route53", ROUTE53];
  if (UNFILTERED_ACTIONS.has(action) && !narrowed) return [`${action}:unfiltered`, UNFILTERED];
  if (action.startsWith("Describe") || action.startsWith("Get")) return [action, DESCRIBE];
  return [action, MUTATING];
}
