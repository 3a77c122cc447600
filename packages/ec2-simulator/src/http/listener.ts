import type { IncomingMessage, ServerResponse } from "node:http";
import { asAwsError } from "../calls/serve.js";
import { answerControl } from "../control/answer.js";
import { answerEc2 } from "../ec2/answer.js";
import { AwsError } from "../errors.js";
import { answerJson, isJson } from "../json/answer.js";
import { answerRoute53 } from "../route53/answer.js";
import type { Simulator } from "../simulator.js";
import { writeElement } from "../xml/write.js";
import { readBody } from "./body.js";
import type { HttpRequest, Reply } from "./message.js";
import { send } from "./send.js";

/** Serves one HTTP request: EC2 at `/`, services that speak JSON there too, Route53 at `/2013-04-01/…`, the control API at `/_sim/…`. */
export async function handle(
  sim: Simulator,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const reply = await answer(sim, await readRequest(incoming));
    if (reply === null) response.destroy();
    else await send(response, reply);
  } catch (thrown) {
    if (incoming.destroyed && !incoming.complete) return;
    const { code: Code, message: Message, status } = asAwsError(thrown);
    if (response.headersSent) return void response.destroy();
    // What is left of a body that was too large is thrown away, so that the caller gets to read the answer.
    incoming.resume();
    response.writeHead(status, { "content-type": "text/xml", connection: "close" });
    response.end(writeElement("Response", { Errors: { Error: { Code, Message } } }));
  }
}

async function readRequest(incoming: IncomingMessage): Promise<HttpRequest> {
  const url = URL.canParse(incoming.url ?? "", "http://simulator")
    ? new URL(incoming.url ?? "", "http://simulator")
    : null;
  if (!url) throw new AwsError("MalformedQueryString", "The request's URL can't be read");
  const { method = "GET", headers } = incoming;
  const target = headers["x-amz-target"];
  return {
    method,
    url,
    authorization: headers.authorization,
    target: typeof target === "string" ? target : undefined,
    body: await readBody(incoming),
  };
}

async function answer(sim: Simulator, request: HttpRequest): Promise<Reply | null> {
  const { pathname } = request.url;
  if (pathname.startsWith("/_sim")) return answerControl(sim, request);
  if (pathname.startsWith("/2013-04-01/")) return answerRoute53(sim, request);
  if (isJson(request)) return answerJson(sim, request);
  return answerEc2(sim, request);
}
