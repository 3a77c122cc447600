import { randomUUID } from "node:crypto";
import { summarise } from "../calls/log.js";
import { asAwsError, serve, type Outcome } from "../calls/serve.js";
import { AwsError, missingParameter } from "../errors.js";
import { readCaller, type Caller } from "../http/caller.js";
import type { HttpRequest, Reply } from "../http/message.js";
import { proxyPage } from "../http/proxy-page.js";
import { parseParameters } from "../query/parameters.js";
import { Reader, unknownParameter } from "../query/reader.js";
import type { Simulator } from "../simulator.js";
import { writeDocument, writeElement, type XmlDocument } from "../xml/write.js";
import type { Action, ActionContext } from "./action.js";
import { ACTIONS } from "./actions.js";
import { costOf, describeTarget } from "./call-shape.js";

const VERSION = "2016-11-15";
const NAMESPACE = `http://ec2.amazonaws.com/doc/${VERSION}/`;

/** Answers one request of the EC2 Query protocol; null cuts the connection. */
export async function answerEc2(sim: Simulator, request: HttpRequest): Promise<Reply | null> {
  const flat = [
    ...request.url.searchParams,
    ...new URLSearchParams(request.method === "GET" ? "" : request.body),
  ];
  const name = flat.find(([key]) => key === "Action")?.[1];
  const entry = { service: "ec2" as const, params: summarise(flat) };
  let caller: Caller | null = null;
  try {
    caller = readCaller(request, "ec2");
    const action = readAction(name, flat);
    return reply(name!, await carryOut(sim, { name: name!, action, flat, caller, entry }));
  } catch (thrown) {
    // Refused before it was clear what is asked for; calls that get further are logged by serve.
    const error = asAwsError(thrown);
    const known = name !== undefined && ACTIONS.has(name) ? name : "(unknown)";
    const { key = null, region = null } = caller ?? {};
    const { code: outcome, status } = error;
    const at = sim.world.clock.now();
    sim.calls.record({ ...entry, action: known, key, region, at, outcome, status, effect: "", fault: null });
    return reply(known, { kind: "error", error });
  }
}

interface Prepared {
  name: string;
  action: Action;
  flat: [string, string][];
  caller: Caller;
  entry: { service: "ec2"; params: Record<string, string> };
}

function carryOut(sim: Simulator, call: Prepared): Promise<Outcome<XmlDocument>> {
  const { name, action, flat, caller, entry } = call;
  const region = () => sim.regionOf(caller);
  return serve(sim.world, sim.calls, {
    entry: { ...entry, action: name, key: caller.key, region: caller.region },
    target: () => describeTarget(name, flat, caller, region()),
    cost: costOf(name, flat),
    buckets: () => region().buckets,
    throttled: () => new AwsError("RequestLimitExceeded", "Request limit exceeded."),
    run(effects) {
      const request = new Reader(parseParameters(flat.filter(([key]) => !isEnvelope(key))));
      checkNames(request, action);
      const now = sim.world.clock.now();
      const context: ActionContext = {
        world: sim.world,
        region: region(),
        name,
        request,
        flat,
        key: caller.key,
        now,
        effects,
      };
      return action.run(context);
    },
  });
}

function readAction(name: string | undefined, flat: readonly [string, string][]): Action {
  if (!name) throw new AwsError("MissingAction", "The request is missing an action or a required parameter.");
  const version = flat.find(([key]) => key === "Version")?.[1];
  if (!version) throw missingParameter("Version");
  if (version !== VERSION)
    throw new AwsError(
      "NoSuchVersion",
      `The requested version (${version}) of service AmazonEC2 does not exist`,
    );
  const action = ACTIONS.get(name);
  if (!action)
    throw new AwsError(
      "InvalidAction",
      `The action ${name.slice(0, 100)} is not valid for this web service.`,
    );
  return action;
}

function checkNames(request: Reader, { accepts, ignores }: Action): void {
  for (const name of request.node.keys())
    if (!accepts.includes(name) && !ignores.includes(name)) throw unknownParameter(name);
}

function isEnvelope(name: string): boolean {
  return name === "Action" || name === "Version" || name.startsWith("X-Amz-");
}

function reply(action: string, outcome: Outcome<XmlDocument>): Reply | null {
  if (outcome.kind === "dropped") return null;
  if (outcome.kind === "html") return proxyPage(outcome.status);
  const requestId = randomUUID();
  const headers = { "content-type": "text/xml;charset=UTF-8", "x-amzn-requestid": requestId };
  if (outcome.kind === "ok") {
    const body = writeDocument(`${action}Response`, NAMESPACE, { requestId, ...outcome.result });
    return { status: 200, headers, body };
  }
  const { code, message, status } = outcome.error;
  const content = writeElement("Response", {
    Errors: { Error: { Code: code, Message: message } },
    RequestID: requestId,
  });
  return { status, headers, body: [`<?xml version="1.0" encoding="UTF-8"?>\n${content}`] };
}
