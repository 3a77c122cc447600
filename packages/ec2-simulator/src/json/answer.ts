import { asAwsError, serve, type Outcome } from "../calls/serve.js";
import { AwsError } from "../errors.js";
import { readCaller, type Service } from "../http/caller.js";
import type { HttpRequest, Reply } from "../http/message.js";
import { proxyPage } from "../http/proxy-page.js";
import type { Simulator } from "../simulator.js";
import { parameterOf } from "./parameters.js";
import { quotaOf } from "./quotas.js";
import { secretOf } from "./secrets.js";

/** A request of a service whose requests name their action in a header and carry JSON. */
export interface JsonRequest {
  sim: Simulator;
  account: string;
  region: string;
  /** The fields of its body that are texts or truths, as texts. */
  params: Readonly<Record<string, string>>;
}

interface JsonService {
  service: Service;
  action: string;
  /** How it says that there were too many requests. */
  throttled: string;
  run: (request: JsonRequest) => object;
}

/** By `X-Amz-Target`. */
const ACTIONS: Readonly<Record<string, JsonService>> = {
  "ServiceQuotasV20190624.GetServiceQuota": {
    service: "servicequotas",
    action: "GetServiceQuota",
    throttled: "TooManyRequestsException",
    run: quotaOf,
  },
  "AmazonSSM.GetParameter": {
    service: "ssm",
    action: "GetParameter",
    throttled: "ThrottlingException",
    run: parameterOf,
  },
  "secretsmanager.GetSecretValue": {
    service: "secretsmanager",
    action: "GetSecretValue",
    throttled: "ThrottlingException",
    run: secretOf,
  },
};

export function isJson({ target }: HttpRequest): boolean {
  return target !== undefined;
}

/** Answers one request; null cuts the connection. */
export async function answerJson(sim: Simulator, request: HttpRequest): Promise<Reply | null> {
  try {
    const { target = "" } = request;
    const asked = Object.hasOwn(ACTIONS, target) ? ACTIONS[target] : undefined;
    if (asked === undefined)
      throw new AwsError("UnknownOperationException", "The simulator doesn't answer this call");
    const { service, action, throttled, run } = asked;
    const { key, region } = readCaller(request, service);
    const params = readBody(request.body);
    const outcome = await serve(sim.world, sim.calls, {
      entry: { service, action, key, region, params },
      target: () => ({ action, key, region, page: 1 }),
      cost: { action, narrowed: true, instances: 0 },
      buckets: () => sim.regionOf({ key, region }).buckets,
      throttled: () => new AwsError(throttled, "Rate exceeded"),
      run: () => run({ sim, account: sim.accountOf(key), region, params }),
    });
    return reply(outcome);
  } catch (thrown) {
    return reply({ kind: "error", error: asAwsError(thrown) });
  }
}

function readBody(body: string): Record<string, string> {
  try {
    const fields = Object.entries(JSON.parse(body) as Record<string, unknown>);
    return Object.fromEntries(
      fields.flatMap(([name, value]) =>
        typeof value === "string" || typeof value === "boolean" ? [[name, String(value)]] : [],
      ),
    );
  } catch {
    throw new AwsError("SerializationException", "The body is no JSON");
  }
}

function reply(outcome: Outcome<object>): Reply | null {
  if (outcome.kind === "dropped") return null;
  if (outcome.kind === "html") return proxyPage(outcome.status);
  const headers = { "content-type": "application/x-amz-json-1.1" };
  if (outcome.kind === "ok") return { status: 200, headers, body: [JSON.stringify(outcome.result)] };
  const { code, message, status } = outcome.error;
  return { status, headers, body: [JSON.stringify({ __type: code, message })] };
}
