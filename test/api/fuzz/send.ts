import { type Agent, request as httpRequest } from "node:http";
import { KEY, type TestApi } from "../api.js";
import type { FuzzRequest } from "./requests.js";

export interface Answer {
  status: number;
  type: string;
  text: string;
}

/** Sends it as it is, with the admin key unless it has another. */
export function send(
  api: TestApi,
  agent: Agent,
  { method, path, headers, body }: FuzzRequest,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      api.url + path,
      {
        agent,
        method,
        headers: {
          authorization: `Bearer ${KEY}`,
          ...headers,
          ...(body === null ? {} : { "content-length": body.length }),
        },
      },
      (answer) => {
        const type = answer.headers["content-type"] ?? "";
        // It goes on for ever.
        if (type === "text/event-stream") {
          answer.destroy();
          return resolve({ status: answer.statusCode!, type, text: "" });
        }
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () =>
          resolve({
            status: answer.statusCode!,
            type,
            text: Buffer.concat(chunks).toString("utf8"),
          }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body ?? undefined);
  });
}
