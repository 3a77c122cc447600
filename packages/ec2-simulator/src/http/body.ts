import type { IncomingMessage } from "node:http";
import { AwsError } from "../errors.js";

const MOST_BYTES = 4 * 2 ** 20;

/** The whole body as UTF-8. @throws AwsError `RequestEntityTooLarge` over 4 MiB, the rest is then not read. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES)
      throw new AwsError("RequestEntityTooLarge", `The request is larger than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
