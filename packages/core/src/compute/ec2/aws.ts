import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { defined } from "../../base/defined.js";
import { type $Command, EC2Client, type EC2ClientConfig } from "@aws-sdk/client-ec2";
import { Route53Client } from "@aws-sdk/client-route-53";
import { unlessAborted } from "../../base/deadline.js";
import type { CallPriority } from "../backend.js";
import { BackendError } from "../backend-error.js";
import { createLimiter, type Limiter } from "../limiter.js";
import { bucketsFor, drawOf } from "./actions.js";
import { insistOnAws } from "./answers.js";
import { codeOf, failureOf, isThrottle } from "./failure.js";
import type { Ec2Options, SentRequest } from "./settings.js";

/** The SDK's clients behind one limiter. */
export interface Aws {
  /** Tries again by itself, and slows down when it is throttled. */
  ec2: EC2Client;
  /**
   * One attempt a call: for RunInstances, and for parts of what was tried hard as a whole. No capacity is HTTP 500, which the SDK would try again, and burn
   * tokens of the smallest bucket (docs/ec2-facts.md, SDK v3 client).
   */
  impatient: EC2Client;
  dns: Route53Client;
  limiter: Limiter;
  observe: Ec2Options["observe"];
  /** Goes up whenever the next call may come to another peer than the last: a connection was made, or none is left. */
  connections(): number;
  close(): void;
}

/** How one call is to be made. */
export interface Call {
  /** What is being done, for the message of its failure. */
  what: string;
  priority: CallPriority;
  /** Absent for a call that serves many. */
  signal?: AbortSignal | undefined;
  /** Instances that the call is about. Default 1. */
  instances?: number;
  /** Called when its tokens are there, just before each attempt is sent; the wait for them may have been long. */
  onTurn?: () => Promise<void>;
  /** Values that the provider may repeat in its message. */
  secrets?: readonly string[];
}

const ATTEMPTS = 5;
const CONNECT_TIMEOUT_MS = 5_000;

export function openAws(options: Ec2Options): Aws {
  const { callTimeoutMs, endpoint, region, profile, credentials } = options;
  const counted = { changes: 0 };
  const agents = countingAgents(counted);
  const shared = {
    ...defined({ endpoint, region, profile, credentials }),
    requestHandler: {
      connectionTimeout: Math.min(CONNECT_TIMEOUT_MS, callTimeoutMs),
      requestTimeout: callTimeoutMs,
      socketTimeout: callTimeoutMs,
      ...agents,
      // Without it the SDK only warns (docs/ec2-facts.md).
      throwOnRequestTimeout: true,
    },
  } satisfies EC2ClientConfig;
  // Not the SDK's adaptive mode: it knows one rate for all actions, so a throttled TerminateInstances would slow
  // down every look. Our limiter slows down by action, and each retry passes through it.
  const patient = { ...shared, retryMode: "standard", maxAttempts: ATTEMPTS };
  const ec2 = new EC2Client(patient);
  const impatient = new EC2Client({ ...shared, maxAttempts: 1 });
  const dns = new Route53Client(patient);
  for (const client of [ec2, impatient, dns]) insistOnAws(client);
  return {
    ec2,
    impatient,
    dns,
    limiter: createLimiter(bucketsFor(options.apiShare)),
    observe: options.observe,
    connections: () => counted.changes,
    close() {
      for (const client of [ec2, impatient, dns]) client.destroy();
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

/** The SDK's own agents, but for the count: it goes up with each connection, and when none is left. */
function countingAgents(counted: { changes: number }): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } {
  const options = { keepAlive: true, maxSockets: 50 };
  const agents = { httpAgent: new HttpAgent(options), httpsAgent: new HttpsAgent(options) };
  let open = 0;
  for (const agent of Object.values(agents)) {
    const connect = agent.createConnection;
    agent.createConnection = function counting(...given: Parameters<HttpAgent["createConnection"]>) {
      counted.changes++;
      open++;
      const socket = connect.apply(this, given);
      socket?.once("close", () => {
        open--;
        if (open === 0) counted.changes++;
      });
      return socket;
    };
  }
  return agents;
}

type Sender = { send(command: never, options: { abortSignal?: AbortSignal }): Promise<unknown> };
// oxlint-disable-next-line typescript/no-explicit-any -- the SDK's commands have five type parameters each
type Command<Output> = $Command<any, Output & object, any>;

/**
 * Makes one call within its time limit and until `signal` aborts. Each attempt, also those that the SDK makes
 * by itself, waits for its tokens first.
 * @throws BackendError; with `raw`, the SDK's own error if AWS answered with one
 */
export async function send<Output extends object>(
  aws: Aws,
  client: Sender,
  command: Command<Output>,
  call: Call,
  { raw = false }: { raw?: boolean } = {},
): Promise<Output> {
  const { what, signal, secrets } = call;
  const aborted = (): BackendError => new BackendError("aborted", "transient", `${what}: given up`);
  if (signal?.aborted) throw aborted();
  limit(aws, command, call);
  const sent = client.send(command as never, defined({ abortSignal: signal })) as Promise<Output>;
  try {
    return await (signal === undefined ? sent : unlessAborted(signal, sent));
  } catch (error) {
    // Its pauses between attempts don't obey the signal, and what it throws then is of no interest.
    sent.catch(() => undefined);
    if (signal?.aborted) throw aborted();
    throw raw && (error as { $metadata?: unknown }).$metadata !== undefined
      ? error
      : failureOf(what, error, secrets);
  }
}

/** Of a command what {@link limit} needs; the SDK types it with everything that it could carry. */
interface Limitable {
  constructor: { name: string };
  // oxlint-disable-next-line typescript/no-explicit-any
  middlewareStack: { addRelativeTo(middleware: any, options: any): void };
}

function limit(aws: Aws, command: Limitable, { priority, signal, instances = 1, onTurn }: Call): void {
  const action = command.constructor.name.replace(/Command$/, "");
  const draw = drawOf(action, instances);
  command.middlewareStack.addRelativeTo(
    (next: (args: unknown) => Promise<unknown>) => async (args: unknown) => {
      const asked = performance.now();
      await aws.limiter.take(draw, priority, signal);
      const turn = performance.now();
      await onTurn?.();
      const sent = performance.now();
      const told = (outcome: SentRequest["outcome"]): void =>
        aws.observe?.({ action, outcome, ms: performance.now() - sent, waitedMs: turn - asked });
      try {
        const answer = await next(args);
        told("ok");
        return answer;
      } catch (error) {
        const throttled = isThrottle(codeOf(error));
        if (throttled) aws.limiter.drain(draw);
        told(throttled ? "throttled" : "failed");
        throw error;
      }
    },
    // Inside of the retries, and before the signature, which mustn't be old when it is sent.
    { name: "berthLimiter", relation: "after", toMiddleware: "retryMiddleware" },
  );
}
