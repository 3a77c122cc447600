import type { Aws } from "./aws.js";
import type { Caller } from "./context.js";
import { askJson } from "./json-call.js";
import { describeInstances } from "./listing.js";

/**
 * Which limit of running on-demand vCPUs a type counts into, by what its family begins with
 * (https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html). EC2's own `max-instances` doesn't tell it any more.
 */
const LIMITS: readonly { families: RegExp; name: string; code: string }[] = [
  { families: /^(?:g|vt)\d/, name: "G and VT", code: "L-DB2E81BA" },
  { families: /^p\d/, name: "P", code: "L-417A185B" },
  { families: /^x\d/, name: "X", code: "L-7295265B" },
  { families: /^f\d/, name: "F", code: "L-74FC7D96" },
  { families: /^inf\d/, name: "Inf", code: "L-1945791B" },
  { families: /^(?:[acdhimrtz]\d|im\d|is\d)/, name: "Standard", code: "L-1216C47A" },
];
/** The doctor's other questions wait for this one. */
const TIMEOUT_MS = 5_000;

/** What the account may run of a type in this Region, and how much of that it has left; both in vCPUs. */
export interface VcpuLimit {
  /** `Standard`, `G and VT`, … */
  name: string;
  code: string;
  limit: number;
  left: number;
  /** Of one instance of the type; 1 where none runs by which it could be told. */
  needed: number;
}

/** Null for a type of which no limit is known here. @throws Error in AWS's words, or BackendError, where it can't be told */
export async function vcpuLimitOf(aws: Aws, type: string, caller: Caller): Promise<VcpuLimit | null> {
  const meant = LIMITS.find(({ families }) => families.test(type));
  if (meant === undefined) return null;
  const limit = await askQuota(aws, meant.code, caller.signal);
  let used = 0;
  let needed = 1;
  for (const { type: other, vcpus } of await running(aws, caller)) {
    if (meant.families.test(other)) used += vcpus;
    if (other === type) needed = vcpus;
  }
  return { name: meant.name, code: meant.code, limit, left: Math.max(0, limit - used), needed };
}

/** Everybody's in the account, as the limit counts them: without Spot, which has limits of its own. */
async function running(aws: Aws, caller: Caller): Promise<{ type: string; vcpus: number }[]> {
  const filters = [{ Name: "instance-state-name", Values: ["pending", "running"] }];
  const found = await describeInstances(aws, filters, { what: "count running vCPUs", ...caller });
  return found
    .filter(({ InstanceLifecycle: lifecycle }) => lifecycle === undefined)
    .map(({ InstanceType: type = "", CpuOptions: cpus }) => ({
      type,
      vcpus: (cpus?.CoreCount ?? 1) * (cpus?.ThreadsPerCore ?? 1),
    }));
}

async function askQuota(aws: Aws, code: string, signal: AbortSignal): Promise<number> {
  const body = { ServiceCode: "ec2", QuotaCode: code };
  const target = "ServiceQuotasV20190624.GetServiceQuota";
  const said = await askJson(
    aws,
    { service: "servicequotas", target, body },
    { signal, timeoutMs: TIMEOUT_MS },
  );
  const value = (said["Quota"] as { Value?: unknown } | undefined)?.Value;
  if (typeof value === "number") return value;
  throw new Error("Service Quotas told no value");
}
