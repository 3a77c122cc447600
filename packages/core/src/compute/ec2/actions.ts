import type { Bucket, Draw } from "../limiter.js";

const RUN: Bucket = { size: 5, perSecond: 2 };
const HEAVY: Bucket = { size: 100, perSecond: 5 };
const MUTATING: Bucket = { size: 50, perSecond: 5 };
const DESCRIBE: Bucket = { size: 100, perSecond: 20 };

/**
 * AWS's buckets for each account and Region, by action (docs/ec2-facts.md, Throttling). All our listings are filtered
 * and paginated. `:instances` are those of the instances that a call is about. Route53's is for all of its
 * actions together, five requests a second.
 */
const BUCKETS: Readonly<Record<string, Bucket>> = {
  RunInstances: RUN,
  "RunInstances:instances": { size: 1000, perSecond: 2 },
  TerminateInstances: HEAVY,
  "TerminateInstances:instances": { size: 1000, perSecond: 20 },
  CreateVolume: HEAVY,
  DeleteVolume: HEAVY,
  AttachVolume: MUTATING,
  DetachVolume: MUTATING,
  DescribeInstances: DESCRIBE,
  DescribeVolumes: DESCRIBE,
  DescribeSubnets: DESCRIBE,
  DescribeSecurityGroups: DESCRIBE,
  DescribeAvailabilityZones: DESCRIBE,
  DescribeLaunchTemplates: DESCRIBE,
  CreateLaunchTemplate: MUTATING,
  CreateTags: MUTATING,
  GetConsoleOutput: DESCRIBE,
  Route53: { size: 5, perSecond: 5 },
};

/** This process's part of each bucket. At least one call fits into each. */
export function bucketsFor(share: number): Record<string, Bucket> {
  return Object.fromEntries(
    Object.entries(BUCKETS).map(([name, { size, perSecond }]) => [
      name,
      { size: Math.max(1, size * share), perSecond: perSecond * share },
    ]),
  );
}

/** What a call of this action about so many instances takes. */
export function drawOf(action: string, instances: number): Draw {
  if (action.endsWith("ResourceRecordSets")) return [{ bucket: "Route53", tokens: 1 }];
  const calls = { bucket: action, tokens: 1 };
  const resources = `${action}:instances`;
  return Object.hasOwn(BUCKETS, resources) ? [calls, { bucket: resources, tokens: instances }] : [calls];
}
