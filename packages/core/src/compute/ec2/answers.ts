/** The code of an answer that isn't AWS's own. */
export const NOT_FROM_AWS = "NotFromAws";

/**
 * Something on the way answered: a proxy, a load balancer, a login page. The SDK takes an empty body and well-formed
 * HTML with status 200 for a listing without anything in it (docs/facts.md), which would be proof of absence (I4).
 */
class NotFromAwsError extends Error {
  override readonly name = NOT_FROM_AWS;
  /** Read by the SDK: worth another try. */
  readonly $retryable = { throttling: false };

  constructor(status: number, type: string) {
    super(`HTTP ${status} (${type}) from something that isn't AWS: a proxy or load balancer on the way`);
  }
}

interface Response {
  statusCode: number;
  headers: Readonly<Record<string, string | undefined>>;
  body: unknown;
}
// oxlint-disable-next-line typescript/no-explicit-any -- the SDK's own types differ for each client
type Stack = { add(middleware: any, options: any): void };
type Next = (args: unknown) => Promise<{ response: Response }>;

/** Lets only such answers through as AWS gives: XML whose root says that it answers this action, or that it failed. */
export function insistOnAws({ middlewareStack }: { middlewareStack: Stack }): void {
  middlewareStack.add(
    (next: Next, { commandName = "" }: { commandName?: string }) =>
      async (args: unknown) => {
        const result = await next(args);
        const { response } = result;
        const body = await readAll(response.body);
        // Read once only; the SDK takes the bytes as well.
        response.body = body;
        if (!isAnswerTo(commandName.replace(/Command$/, ""), response.statusCode, body))
          throw new NotFromAwsError(response.statusCode, response.headers["content-type"] ?? "no type");
        return result;
      },
    // Between the connection and the SDK's own reading of the answer.
    { step: "deserialize", priority: "low", name: "berthInsistOnAws" },
  );
}

const ROOT = /^\uFEFF?\s*(?:<\?xml[^>]*>\s*)?<(?:\w+:)?(\w+)/;
const HEAD_BYTES = 1_000;

function isAnswerTo(action: string, status: number, body: Uint8Array): boolean {
  const [, root] = ROOT.exec(Buffer.from(body.subarray(0, HEAD_BYTES)).toString()) ?? [];
  return status < 300 ? root === `${action}Response` : root !== undefined && ERROR_ROOTS.has(root);
}

/** EC2's, Route53's, and Route53's for a batch of changes. */
const ERROR_ROOTS = new Set(["Response", "ErrorResponse", "InvalidChangeBatch"]);

async function readAll(body: unknown): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  const chunks: Buffer[] = [];
  for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
