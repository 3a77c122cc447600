import { once } from "node:events";
import { Agent, request as send } from "node:http";
import { connect } from "node:net";

const agent = new Agent({ keepAlive: true, maxSockets: 4_096 });

export interface Answer {
  status: number;
  body: unknown;
  ms: number;
}
export interface Asking {
  body?: object;
  token: string;
  prefer?: string;
}

/** One request, over a connection that is kept. */
export async function call(
  base: string,
  method: string,
  path: string,
  { body, token, prefer }: Asking,
): Promise<Answer> {
  const from = performance.now();
  const text = body === undefined ? undefined : JSON.stringify(body);
  const sent = send(new URL(path, base), {
    agent,
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(prefer === undefined ? {} : { prefer }),
      ...(text === undefined
        ? {}
        : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
    },
  });
  sent.end(text);
  const [answer] = await once(sent, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const content = Buffer.concat(chunks).toString("utf8");
  const isJson = String(answer.headers["content-type"]).includes("json");
  return {
    status: answer.statusCode as number,
    body: isJson ? JSON.parse(content) : content,
    ms: performance.now() - from,
  };
}

export interface Rate {
  perSecond: number;
  answers: number;
  /** By status. */
  statuses: Readonly<Record<string, number>>;
}

/** The text of a request. */
export function requestText(method: string, path: string, { token, body, prefer }: Asking): string {
  const content = body === undefined ? "" : JSON.stringify(body);
  const type =
    body === undefined
      ? ""
      : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(content)}\r\n`;
  const preference = prefer === undefined ? "" : `prefer: ${prefer}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nhost: berth\r\nauthorization: Bearer ${token}\r\n${preference}${type}\r\n${content}`;
}

/** Asks over so many connections, so many at a time on each, for a time; counts answers and reads none, which costs the asking process little. */
export async function rateOf(
  base: string,
  { seconds, connections, pipelined = 1 }: { seconds: number; connections: number; pipelined?: number },
  request: () => string,
): Promise<Rate> {
  const { hostname, port } = new URL(base);
  const begun = performance.now();
  const until = begun + seconds * 1_000;
  const statuses: Record<string, number> = {};
  let answers = 0;
  const lane = async (): Promise<void> => {
    const socket = connect({ port: Number(port), host: hostname });
    const ask = (count: number): void => void socket.write(Array.from({ length: count }, request).join(""));
    let waiting = pipelined;
    let rest = "";
    socket.on("data", (chunk: Buffer) => {
      // A status line may be cut in two.
      const text = rest + chunk.toString("latin1");
      const lines = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)];
      const last = lines.at(-1);
      rest = text.slice(Math.max(last === undefined ? 0 : last.index + last[0].length, text.length - 12));
      for (const [, status] of lines) statuses[status!] = (statuses[status!] ?? 0) + 1;
      answers += lines.length;
      waiting -= lines.length;
      if (performance.now() < until) {
        ask(lines.length);
        waiting += lines.length;
      } else if (waiting === 0) socket.end();
    });
    ask(pipelined);
    await once(socket, "close");
  };
  await Promise.all(Array.from({ length: connections }, lane));
  return { perSecond: (answers * 1_000) / (performance.now() - begun), answers, statuses };
}
