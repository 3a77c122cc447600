import {
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  type DescribeInstancesCommandOutput,
  type DescribeVolumesCommandOutput,
  type EC2Client,
  type Filter,
  type Instance,
} from "@aws-sdk/client-ec2";
import { BackendError } from "../backend-error.js";
import { type Aws, type Call, send } from "./aws.js";
import { readInstance, readVolume, type SeenInstance, type SeenVolume } from "./seen.js";

const PAGE = 1_000;

/**
 * All instances that the filters select, over all pages. Always by filter, never by id: an unknown id among
 * others would fail the call for all of them (docs/ec2-facts.md, Describe).
 * @throws BackendError if any page fails: a part is never returned.
 */
export async function listInstances(
  aws: Aws,
  filters: Filter[],
  call: Call,
  client: EC2Client = aws.ec2,
): Promise<SeenInstance[]> {
  const found = await describeInstances(aws, filters, call, client);
  return found.map((instance) => clean(readInstance(instance), call));
}

/** As {@link listInstances}, as EC2 tells them. @throws BackendError */
export async function describeInstances(
  aws: Aws,
  filters: Filter[],
  call: Call,
  client: EC2Client = aws.ec2,
): Promise<Instance[]> {
  const found: Instance[] = [];
  for (let token: string | undefined; ;) {
    const page: DescribeInstancesCommandOutput = await send(
      aws,
      client,
      new DescribeInstancesCommand({ Filters: filters, MaxResults: PAGE, NextToken: token }),
      call,
    );
    for (const { Instances = [] } of page.Reservations ?? []) found.push(...Instances);
    token = page.NextToken || undefined;
    if (token === undefined) return found;
  }
}

/** As {@link listInstances}. @throws BackendError */
export async function listVolumes(
  aws: Aws,
  filters: Filter[],
  call: Call,
  client: EC2Client = aws.ec2,
): Promise<SeenVolume[]> {
  const seen: SeenVolume[] = [];
  for (let token: string | undefined; ;) {
    const page: DescribeVolumesCommandOutput = await send(
      aws,
      client,
      new DescribeVolumesCommand({ Filters: filters, MaxResults: PAGE, NextToken: token }),
      call,
    );
    for (const volume of page.Volumes ?? []) seen.push(clean(readVolume(volume), call));
    token = page.NextToken || undefined;
    if (token === undefined) return seen;
  }
}

function clean<T>(thing: T | null, { what }: Call): T {
  if (thing === null)
    throw new BackendError("backend_failed", "transient", `${what}: AWS answered what can't be understood`);
  return thing;
}
