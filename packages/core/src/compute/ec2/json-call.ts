import { withDeadline } from "../../base/deadline.js";
import { NOT_FROM_AWS } from "./answers.js";
import type { Aws } from "./aws.js";

/** A call of a service that takes its action in a header and carries JSON. */
interface JsonCall {
  /** As it is signed for, and as its host is called. */
  service: "servicequotas" | "ssm" | "secretsmanager";
  /** `X-Amz-Target` */
  target: string;
  body: Readonly<Record<string, unknown>>;
}

/** AWS's refusal, or no answer of AWS; read as the SDK's own errors are. */
export class JsonCallError extends Error {
  readonly $metadata: { httpStatusCode?: number };

  constructor(code: string, message: string, status?: number) {
    super(message);
    this.name = code;
    this.$metadata = status === undefined ? {} : { httpStatusCode: status };
  }
}

/**
 * Asks once, signed by EC2's client, in its account and Region: each service's own client would be a package more for one call.
 * @throws Error whose `name` is AWS's code or that of the connection; `TimeoutError`; the reason of `signal`
 */
export async function askJson(
  { ec2 }: Aws,
  { service, target, body }: JsonCall,
  { signal, timeoutMs }: { signal: AbortSignal; timeoutMs: number },
): Promise<Record<string, unknown>> {
  const region = await ec2.config.region();
  const own = await ec2.config.endpoint?.();
  const url = new URL(
    own === undefined
      ? `https://${service}.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}/`
      : `${own.protocol}//${own.hostname}${own.port === undefined ? "" : `:${own.port}`}/`,
  );
  const signer = await ec2.config.signer();
  const request = await signer.sign(
    {
      method: "POST",
      protocol: url.protocol,
      hostname: url.hostname,
      path: "/",
      query: {},
      headers: { host: url.host, "content-type": "application/x-amz-json-1.1", "x-amz-target": target },
      body: JSON.stringify(body),
    },
    { signingService: service, signingRegion: region },
  );
  const [response, text] = await withDeadline(timeoutMs, [signal], async (late) => {
    try {
      const { headers, body: signed } = request as { headers: Record<string, string>; body: string };
      const answer = await fetch(url, {
        method: "POST",
        headers,
        body: signed,
        redirect: "manual",
        signal: late,
      });
      return [answer, await answer.text()] as const;
    } catch (error) {
      const { code, message = "" } = ((error as Error).cause ?? {}) as { code?: unknown; message?: string };
      if (typeof code !== "string") throw error;
      // undici's own codes are of connections that were cut, or not made in time.
      throw new JsonCallError(code.startsWith("UND_ERR_") ? "ECONNRESET" : code, message);
    }
  });
  const said = readAnswer(response.status, text);
  const { ["__type"]: type, message, Message = message } = said;
  if (response.ok && type === undefined) return said;
  if (typeof type !== "string") throw notFromAws(response.status);
  throw new JsonCallError(
    type.replace(/.*#/, ""),
    typeof Message === "string" ? Message : type,
    response.status,
  );
}

/** Something on the way may answer in place of AWS: a page says nothing of what there is (I4). */
function readAnswer(status: number, text: string): Record<string, unknown> {
  try {
    const said: unknown = JSON.parse(text);
    if (typeof said === "object" && said !== null) return said as Record<string, unknown>;
  } catch {
    // Told below, without the text, which may be anything.
  }
  throw notFromAws(status);
}

function notFromAws(status: number): JsonCallError {
  return new JsonCallError(
    NOT_FROM_AWS,
    `HTTP ${status} from something that isn't AWS: a proxy or load balancer on the way`,
    status,
  );
}
