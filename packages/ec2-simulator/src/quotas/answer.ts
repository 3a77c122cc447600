import { asAwsError, serve, type Outcome } from "../calls/serve.js";
import { AwsError } from "../errors.js";
import { readCaller } from "../http/caller.js";
import type { HttpRequest, Reply } from "../http/message.js";
import { proxyPage } from "../http/proxy-page.js";
import type { Simulator } from "../simulator.js";

/** Service Quotas, whose requests name their action in a header and carry JSON. */
const ACTION = "ServiceQuotasV20190624.GetServiceQuota";

interface Quota {
  ServiceCode: string;
  QuotaCode: string;
  QuotaArn: string;
  Value: number;
  Unit: string;
  Adjustable: boolean;
}

export function isForQuotas({ target }: HttpRequest): boolean {
  return target?.startsWith("ServiceQuotas") === true;
}

/** Answers one request; null cuts the connection. */
export async function answerQuotas(sim: Simulator, request: HttpRequest): Promise<Reply | null> {
  try {
    const { key, region } = readCaller(request, "servicequotas");
    if (request.target !== ACTION)
      throw new AwsError("UnknownOperationException", "The simulator doesn't answer this call");
    const params = readBody(request.body);
    const action = "GetServiceQuota";
    const outcome = await serve(sim.world, sim.calls, {
      entry: { service: "servicequotas", action, key, region, params },
      target: () => ({ action, key, region, page: 1 }),
      cost: { action, narrowed: true, instances: 0 },
      buckets: () => sim.regionOf({ key, region }).buckets,
      throttled: () => new AwsError("TooManyRequestsException", "Rate exceeded"),
      run: () => quotaOf(sim, sim.accountOf(key), region, params),
    });
    return reply(outcome);
  } catch (thrown) {
    return reply({ kind: "error", error: asAwsError(thrown) });
  }
}

function readBody(body: string): Record<string, string> {
  try {
    const { ServiceCode = "", QuotaCode = "" } = JSON.parse(body) as Record<string, unknown>;
    return { ServiceCode: String(ServiceCode), QuotaCode: String(QuotaCode) };
  } catch {
    throw new AwsError("SerializationException", "The body is no JSON");
  }
}

/** @throws AwsError for one that nobody has set */
function quotaOf(
  sim: Simulator,
  account: string,
  region: string,
  { ServiceCode = "", QuotaCode = "" }: Record<string, string>,
): Quota {
  const { vcpuLimits } = sim.world.settings;
  const value = Object.hasOwn(vcpuLimits, QuotaCode) ? vcpuLimits[QuotaCode] : undefined;
  if (ServiceCode !== "ec2" || value === undefined)
    throw new AwsError("NoSuchResourceException", "The specified resource does not exist.");
  const QuotaArn = `arn:aws:servicequotas:${region}:${account}:ec2/${QuotaCode}`;
  return { ServiceCode, QuotaCode, QuotaArn, Value: value, Unit: "None", Adjustable: true };
}

function reply(outcome: Outcome<Quota>): Reply | null {
  if (outcome.kind === "dropped") return null;
  if (outcome.kind === "html") return proxyPage(outcome.status);
  const headers = { "content-type": "application/x-amz-json-1.1" };
  if (outcome.kind === "ok")
    return { status: 200, headers, body: [JSON.stringify({ Quota: outcome.result })] };
  const { code, message, status } = outcome.error;
  return { status, headers, body: [JSON.stringify({ __type: code, message })] };
}
