import { randomUUID } from "node:crypto";
import { asAwsError, serve, type Outcome } from "../calls/serve.js";
import { AwsError } from "../errors.js";
import { readCaller, type Caller } from "../http/caller.js";
import type { HttpRequest, Reply } from "../http/message.js";
import { proxyPage } from "../http/proxy-page.js";
import type { Simulator } from "../simulator.js";
import { writeDocument, writeElement, XmlList, type XmlDocument } from "../xml/write.js";
import { DNS_ACTIONS, type DnsAction } from "./actions.js";
import { InvalidChangeBatch } from "./change-batch.js";

const NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/";
const LONGEST_SUMMARY = 500;

/** Answers one request of Route53's REST interface; null cuts the connection. */
export async function answerRoute53(sim: Simulator, request: HttpRequest): Promise<Reply | null> {
  const found = findAction(request);
  const params = summarise(request);
  let caller: Caller | null = null;
  try {
    caller = readCaller(request, "route53");
    if (!found) throw new AwsError("InvalidAction", "The simulator doesn't answer this call of Route53", 404);
    const { action, id } = found;
    return reply(action, await carryOut(sim, request, caller, action, id, params));
  } catch (thrown) {
    // Refused before it was clear what is asked for; calls that get further are logged by serve.
    const error = asAwsError(thrown);
    const { key = null, region = null } = caller ?? {};
    const { code: outcome, status } = error;
    const action = found?.action.name ?? "(unknown)";
    const at = sim.world.clock.now();
    sim.calls.record({
      service: "route53",
      action,
      key,
      region,
      params,
      at,
      outcome,
      status,
      effect: "",
      fault: null,
    });
    return reply(null, { kind: "error", error });
  }
}

function carryOut(
  sim: Simulator,
  request: HttpRequest,
  caller: Caller,
  { name, run }: DnsAction,
  id: string,
  params: Record<string, string>,
): Promise<Outcome<XmlDocument>> {
  const { key, region } = caller;
  return serve(sim.world, sim.calls, {
    entry: { service: "route53", action: name, key, region, params },
    target: () => ({ action: name, key, region, page: request.url.searchParams.has("name") ? 2 : 1 }),
    cost: { action: name, narrowed: true, instances: 0 },
    buckets: () => sim.dnsOf(caller).buckets,
    throttled: () => new AwsError("Throttling", "Rate exceeded"),
    run: (effects) => {
      const { world } = sim;
      const { searchParams: query } = request.url;
      return run({ world, account: sim.dnsOf(caller), id, query, body: request.body, effects });
    },
  });
}

function findAction({ method, url }: HttpRequest): { action: DnsAction; id: string } | null {
  for (const action of DNS_ACTIONS) {
    const match = action.method === method ? action.path.exec(url.pathname) : null;
    if (match) return { action, id: match[1] ?? "" };
  }
  return null;
}

/** A change's XML without its envelope, since that is what one looks for in the log. */
function summarise({ method, url, body }: HttpRequest): Record<string, string> {
  const changes = /<Changes>.*<\/Changes>/s.exec(body)?.[0] ?? body;
  return {
    request: `${method} ${url.pathname}${url.search}`.slice(0, LONGEST_SUMMARY),
    ...(body ? { body: changes.slice(0, LONGEST_SUMMARY) } : {}),
  };
}

function reply(action: DnsAction | null, outcome: Outcome<XmlDocument>): Reply | null {
  if (outcome.kind === "dropped") return null;
  if (outcome.kind === "html") return proxyPage(outcome.status);
  const requestId = randomUUID();
  const headers = { "content-type": "text/xml", "x-amzn-requestid": requestId };
  if (outcome.kind === "ok") {
    const body = writeDocument(`${action!.name}Response`, NAMESPACE, outcome.result);
    return { status: action!.status, headers, body };
  }
  const { error } = outcome;
  return {
    status: error.status,
    headers,
    body: ['<?xml version="1.0" encoding="UTF-8"?>\n', errorXml(error, requestId)],
  };
}

function errorXml(error: AwsError, RequestId: string): string {
  const Error = {
    Type: error.status < 500 ? "Sender" : "Receiver",
    Code: error.code,
    Message: error.message,
  };
  const envelope =
    error instanceof InvalidChangeBatch
      ? { Error: { ...Error, messages: new XmlList("Message", error.messages) }, RequestId }
      : { Error, RequestId };
  return writeElement("ErrorResponse", envelope);
}
