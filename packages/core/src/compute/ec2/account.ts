import { DescribeSubnetsCommand } from "@aws-sdk/client-ec2";
import { BackendError } from "../backend.js";
import { send } from "./aws.js";
import type { Caller, Ec2 } from "./context.js";

/** The account and Region that our calls reach, from who owns what is there. @throws BackendError */
export async function identifyAccount(ec2: Ec2, caller: Caller): Promise<string> {
  const { Subnets: subnets = [] } = await send(
    ec2.aws,
    ec2.aws.ec2,
    new DescribeSubnetsCommand({ MaxResults: 5 }),
    { ...caller, what: "ask whose account this is" },
  );
  const owner = subnets[0]?.OwnerId;
  if (owner === undefined)
    throw new BackendError("backend_failed", "transient", "this account has no subnet in this Region");
  return `aws:${owner}:${await ec2.aws.ec2.config.region()}`;
}
