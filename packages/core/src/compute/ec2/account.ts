import {
  DescribeAvailabilityZonesCommand,
  DescribeSecurityGroupsCommand,
  type DescribeSecurityGroupsCommandOutput,
} from "@aws-sdk/client-ec2";
import { BackendError } from "../backend-error.js";
import { type Aws, type Call, send } from "./aws.js";
import type { Caller } from "./context.js";
import { failureOf } from "./failure.js";
import { patiently } from "./pause.js";

/** See `Backend.identify`. @throws BackendError */
export type Identify = (caller: Caller) => Promise<string>;

/**
 * The account and Region that our calls reach, from EC2's own words and not from what is configured. Asked again for
 * other credentials, and whenever a connection has been made since: it may lead elsewhere.
 */
export function createIdentify(aws: Aws): Identify {
  let known: { way: string | null; identity: Promise<string> } | null = null;
  return async (caller) => {
    const key = await accessKeyOf(aws);
    const wayNow = (): string => `${key}/${aws.connections()}`;
    // One that is being asked for (null) answers for what is connected meanwhile.
    if (known === null || (known.way !== null && known.way !== wayNow())) {
      const asked: NonNullable<typeof known> = { way: null, identity: ask(aws) };
      known = asked;
      asked.identity.then(
        () => void (asked.way = wayNow()),
        () => void (known = known === asked ? null : known),
      );
    }
    const { identity } = known;
    return patiently(() => identity, caller);
  };
}

/** Not under one caller's signal: others wait for the same answer. @throws BackendError */
async function ask(aws: Aws): Promise<string> {
  const call: Call = { what: "ask which account and Region this is", priority: "user" };
  const { AvailabilityZones: zones = [] } = await send(
    aws,
    aws.ec2,
    new DescribeAvailabilityZonesCommand({}),
    call,
  );
  const region = only("Region", new Set(zones.map(({ RegionName }) => RegionName)));
  return `aws:${only("account", await ownersOfDefaultGroups(aws, call))}:${region}`;
}

/** Every VPC has a default security group, which can't be deleted or shared with other accounts. */
async function ownersOfDefaultGroups(aws: Aws, call: Call): Promise<Set<string | undefined>> {
  const owners = new Set<string | undefined>();
  for (let token: string | undefined; ;) {
    const page: DescribeSecurityGroupsCommandOutput = await send(
      aws,
      aws.ec2,
      new DescribeSecurityGroupsCommand({
        Filters: [{ Name: "group-name", Values: ["default"] }],
        MaxResults: 1_000,
        NextToken: token,
      }),
      call,
    );
    for (const { OwnerId: owner } of page.SecurityGroups ?? []) owners.add(owner);
    token = page.NextToken || undefined;
    if (token === undefined) return owners;
  }
}

function only(what: string, names: ReadonlySet<string | undefined>): string {
  const [name, other] = names;
  if (name !== undefined && other === undefined && names.size === 1) return name;
  throw new BackendError(
    "backend_failed",
    "transient",
    names.size === 0
      ? `EC2 doesn't tell which ${what} this is: there is no VPC here`
      : `EC2 names more than one ${what}: ${[...names].join(", ")}`,
    { providerCode: "identity_unclear" },
  );
}

async function accessKeyOf({ ec2 }: Aws): Promise<string> {
  try {
    return (await ec2.config.credentials()).accessKeyId;
  } catch (error) {
    throw failureOf("find credentials", error);
  }
}
