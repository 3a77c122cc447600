import type { IncomingMessage } from "node:http";
import { AwsError } from "../errors.js";

const MAX_BYTES = 4 * 2 ** 20;

/** The whole body as UTF-8. @throws AwsError `RequestEntityTooLarge` over 4 MiB; the rest is left unread. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Not destroyed when the loop is left: the refusal still has to be sent on the same connection.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES)
      throw new AwsError("RequestEntityTooLarge", `The request is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
