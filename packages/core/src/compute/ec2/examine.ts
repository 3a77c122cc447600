import {
  AttachVolumeCommand,
  CreateLaunchTemplateCommand,
  CreateVolumeCommand,
  DeleteVolumeCommand,
  DetachVolumeCommand,
  GetConsoleOutputCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import type { Examination } from "../details.js";
import type { InstanceRef } from "../backend.js";
import { DEVICE } from "./attach.js";
import { type Call, send } from "./aws.js";
import type { Caller, Ec2 } from "./context.js";
import { codeOf, failureOf } from "./failure.js";
import type { Identify } from "./account.js";
import { JsonCallError } from "./json-call.js";
import { listOwned } from "./owned.js";
import { EC2_TIER_TYPES } from "../../domain/ec2-spec.js";
import { noteTemplate } from "./notes.js";
import { runInputOf } from "./run-input.js";
import { tagsOf } from "./tags.js";
import { vcpuLimitOf } from "./vcpus.js";
import { type Wanted, wantedOf } from "./wanted.js";

/** What EC2 says to a dry run of what it would have done. */
const WOULD_DO = "DryRunOperation";
const NO_RIGHT = /^(UnauthorizedOperation|AccessDenied)/;
const NIL = "00000000-0000-0000-0000-000000000000";
const NOTHING: InstanceRef = {
  resourceId: NIL,
  workspaceId: NIL,
  name: `ws-${NIL}`,
  providerId: null,
  generation: 1,
  clientToken: NIL,
  details: {},
  askedAt: null,
};

interface Try {
  action: string;
  makes: boolean;
  /** Without the right to it all works but this. */
  only?: string;
  run: (call: Call) => Promise<unknown>;
}

/**
 * Who we are, and a dry run of each call that docs/iam-policy.json allows. What touches a thing is tried on one of ours, as
 * the policy's conditions want, and left out where there is none.
 * @throws BackendError if EC2 doesn't say who we are
 */
export async function examineAccount(ec2: Ec2, identify: Identify, caller: Caller): Promise<Examination> {
  const found = await identify(caller);
  const lacks: string[] = [];
  const warnings: string[] = [];
  for (const { action, makes, only, run } of await triesOf(ec2, caller, { lacks, warnings })) {
    const call: Call = { what: `dry run of ${action}`, ...caller };
    const error: unknown = await run(call).then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error === null || codeOf(error) === WOULD_DO) continue;
    if (NO_RIGHT.test(codeOf(error)))
      (only === undefined ? lacks : warnings).push(
        `refuses ec2:${action} (${codeOf(error)})${only === undefined ? "" : `, so ${only}`}: give the role what ` +
          "docs/iam-policy.json has",
      );
    // A thing of ours may be in no state for this just now.
    else if (makes) lacks.push(failureOf(`dry run of ${action}`, error).message);
  }
  const room = await roomFor(ec2, caller, { lacks, warnings });
  return { found: [`EC2, ${found}`, ...room].join(", "), lacks, warnings };
}

/** What the account may still run of the first type that a workspace gets where its spec names none. */
async function roomFor(
  { aws, options }: Ec2,
  caller: Caller,
  { lacks, warnings }: Pick<Examination, "lacks" | "warnings">,
): Promise<string[]> {
  const type = options.defaults.instance_types?.[0] ?? EC2_TIER_TYPES[1][0]!;
  try {
    const room = await vcpuLimitOf(aws, type, caller);
    if (room === null) return [];
    const { limit, left, needed } = room;
    const cure = `ask for more vCPUs of "Running On-Demand ${room.name} instances" (${room.code}) at Service Quotas`;
    if (limit < needed) lacks.push(`may run no ${type}, its limit of vCPUs being ${limit}: ${cure}`);
    else if (left < needed)
      warnings.push(`has no vCPU left for another ${type}, of ${limit}: end some, or ${cure}`);
    return [`${left} of ${limit} vCPUs left (${room.name})`];
  } catch (error) {
    warnings.push(
      `can't be asked for its limit of vCPUs (${reasonOf(error as Error)}): give the role servicequotas:GetServiceQuota, ` +
        "as docs/iam-policy.json has it, and a way to Service Quotas",
    );
    return [];
  }
}

/** AWS's code, or the connection's. */
function reasonOf(error: Error): string {
  return error instanceof JsonCallError ? error.name : error.message;
}

async function triesOf(
  ec2: Ec2,
  caller: Caller,
  { lacks, warnings }: Pick<Examination, "lacks" | "warnings">,
): Promise<Try[]> {
  const { aws, options } = ec2;
  const DryRun = true;
  // oxlint-disable-next-line typescript/no-explicit-any -- as `send` types commands
  const dry = (command: any) => (call: Call) => send(aws, aws.impatient, command, call, { raw: true });
  const tries: Try[] = [
    {
      action: "CreateLaunchTemplate",
      makes: false,
      only: "copies of this installation's database aren't told of here",
      run: dry(new CreateLaunchTemplateCommand({ ...noteTemplate(options), DryRun })),
    },
  ];
  let wanted: Wanted | null = null;
  try {
    wanted = wantedOf({}, options);
    const [subnet] = await ec2.subnets.resolve(wanted.subnetIds, caller);
    const request = { instance: NOTHING, volume: NOTHING, spec: { command: ["true"] }, env: {} };
    const input = runInputOf(
      request as never,
      wanted,
      { type: wanted.types[0] ?? null, subnet: subnet! },
      { volumeId: "vol-00000000000000000", options },
    );
    const volume = {
      AvailabilityZone: subnet!.az,
      Size: wanted.volumeGb,
      VolumeType: options.volumeType as "gp3",
      Encrypted: true,
      TagSpecifications: [{ ResourceType: "volume" as const, Tags: tagsOf(options, NOTHING, wanted.tags) }],
    };
    tries.push(
      { action: "RunInstances", makes: true, run: dry(new RunInstancesCommand({ ...input, DryRun })) },
      { action: "CreateVolume", makes: true, run: dry(new CreateVolumeCommand({ ...volume, DryRun })) },
    );
  } catch (error) {
    const { message } = failureOf("look for where to launch", error);
    // Each spec may name its own.
    (wanted === null ? warnings : lacks).push(message);
  }
  const ours = await listOwned(ec2, caller).catch((error: unknown) => {
    lacks.push(failureOf("list what is ours", error).message);
    return [];
  });
  const idOf = (kind: string): string | undefined => ours.find((thing) => thing.kind === kind)?.providerId;
  const [instance, volume] = [idOf("instance"), idOf("volume")];
  if (instance !== undefined)
    tries.push(
      {
        action: "TerminateInstances",
        makes: false,
        run: dry(new TerminateInstancesCommand({ InstanceIds: [instance], DryRun })),
      },
      {
        action: "GetConsoleOutput",
        makes: false,
        run: dry(new GetConsoleOutputCommand({ InstanceId: instance, DryRun })),
      },
    );
  if (volume !== undefined)
    tries.push({
      action: "DeleteVolume",
      makes: false,
      run: dry(new DeleteVolumeCommand({ VolumeId: volume, DryRun })),
    });
  if (instance !== undefined && volume !== undefined) {
    const both = { InstanceId: instance, VolumeId: volume, DryRun };
    tries.push(
      {
        action: "AttachVolume",
        makes: false,
        run: dry(new AttachVolumeCommand({ ...both, Device: DEVICE })),
      },
      { action: "DetachVolume", makes: false, run: dry(new DetachVolumeCommand(both)) },
    );
  }
  return tries;
}
