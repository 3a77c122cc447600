import { DescribeSubnetsCommand, type DescribeSubnetsCommandOutput } from "@aws-sdk/client-ec2";
import { BackendError } from "../backend-error.js";
import { type Aws, type Call, send } from "./aws.js";

export interface Subnet {
  id: string;
  az: string;
}

/** The zones of subnets. Subnets don't move, so each is asked for once. */
export interface Subnets {
  /** In the order given; without any, the default one of each zone, in order of zone. @throws BackendError */
  resolve(ids: readonly string[], call: Omit<Call, "what">): Promise<Subnet[]>;
}

export function createSubnets(aws: Aws): Subnets {
  const known = new Map<string, Promise<Subnet[]>>();
  return {
    resolve(ids, call) {
      const key = ids.join(",");
      const found = known.get(key);
      if (found !== undefined) return found;
      // Not under one caller's signal: others wait for the same answer.
      const asked = describe(aws, ids, { priority: call.priority, what: "describe subnets" });
      known.set(key, asked);
      asked.catch(() => known.delete(key));
      return asked;
    },
  };
}

async function describe(aws: Aws, ids: readonly string[], call: Call): Promise<Subnet[]> {
  const filters =
    ids.length > 0
      ? [{ Name: "subnet-id", Values: [...ids] }]
      : [{ Name: "default-for-az", Values: ["true"] }];
  const found = new Map<string, Subnet>();
  for (let token: string | undefined; ;) {
    const page: DescribeSubnetsCommandOutput = await send(
      aws,
      aws.ec2,
      new DescribeSubnetsCommand({ Filters: filters, MaxResults: 200, NextToken: token }),
      call,
    );
    for (const { SubnetId: id, AvailabilityZone: az } of page.Subnets ?? [])
      if (id !== undefined && az !== undefined) found.set(id, { id, az });
    token = page.NextToken || undefined;
    if (token === undefined) break;
  }
  if (ids.length === 0) {
    if (found.size === 0)
      throw invalid("this Region has no default subnets: set BERTH_EC2_SUBNETS or spec.ec2.subnet_ids");
    return [...found.values()].toSorted((a, b) => a.az.localeCompare(b.az));
  }
  const missing = ids.filter((id) => !found.has(id));
  if (missing.length > 0)
    throw invalid(`there are no subnets ${missing.join(", ")} in this account and Region`);
  return ids.map((id) => found.get(id)!);
}

function invalid(message: string): BackendError {
  return new BackendError("invalid_spec", "permanent", message, { providerCode: "InvalidSubnetID.NotFound" });
}
