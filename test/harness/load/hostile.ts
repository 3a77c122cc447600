import { randomBytes } from "node:crypto";
import { request as httpRequest } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { HOSTILE } from "../audit/record.js";
import { AGENT_COMMAND } from "../fleet/docker.js";
import type { Random } from "../random.js";

export interface HostileOptions {
  apiUrls: readonly string[];
  key: string;
  /** An image that never comes; null: it has no Docker to ask for it. */
  hangingImage: string | null;
  random: Random;
  /** It ceases, and takes away what it has made. */
  stop: AbortSignal;
}

/** Of each kind, from one to the next, in ms. */
const EVERY_MS = { bodies: 250, keys: 20, pages: 50, creates: 100, hangs: 3_000 } as const;
const PATIENCE_MS = 12_000;
/** Not that of the others: whoever guesses keys is shut out by address. */
const FROM = "127.0.0.2";

/** A tenant that means ill: large bodies, storms of keys that are none, long pages, floods of creates, images that never come. */
export async function runHostile(options: HostileOptions): Promise<{ asked: number; refused: number }> {
  const { apiUrls, key, hangingImage, random, stop } = options;
  let [asked, refused] = [0, 0];
  const ask = async (method: string, path: string, body?: string, by = key): Promise<string> => {
    asked++;
    const { status, text } = await send(`${random.pick([...apiUrls])}${path}`, method, body, by);
    if (status === 0 || status >= 400) refused++;
    return status < 300 ? text : "";
  };
  const create = (spec: object, backend: string, name: string): Promise<string> =>
    ask("POST", "/workspaces", JSON.stringify({ name: `${HOSTILE}${name}-${asked}`, backend, spec }));
  const kinds: Record<keyof typeof EVERY_MS, () => Promise<unknown>> = {
    bodies: () =>
      random.chance(0.5)
        ? ask("POST", "/workspaces", `{"name":"x","spec":${"[".repeat(120_000)}${"]".repeat(120_000)}}`)
        : ask(
            "POST",
            "/registry/heartbeat",
            `{"card":[${"0,".repeat(11_000)}0]}`,
            randomBytes(32).toString("base64url"),
          ),
    keys: () => ask("GET", "/workspaces", undefined, `berth_o_${randomBytes(32).toString("base64url")}`),
    pages: () => ask("GET", "/workspaces?limit=1000&fields=spec&include_removed=true"),
    creates: () => create({}, "external", "flood"),
    hangs: async () => {
      if (hangingImage !== null)
        await create(
          { image: hangingImage, command: AGENT_COMMAND, readiness: "running" },
          "docker",
          "hangs",
        );
    },
  };
  const loops = (Object.keys(kinds) as (keyof typeof EVERY_MS)[]).map(async (kind) => {
    const under = new Set<Promise<unknown>>();
    while (!stop.aborted) {
      // It waits for no answer.
      const one = kinds[kind]().finally(() => under.delete(one));
      under.add(one);
      if (under.size >= 50) await Promise.race(under);
      await delay(EVERY_MS[kind], undefined, { signal: stop }).catch(() => undefined);
    }
    await Promise.all(under);
  });
  await Promise.all(loops);
  // By the list, and not by the answers that it had: some were lost, and some of these deletes may be.
  for (let tries = 0, left = "?"; left !== "[]" && tries < 20; tries++) {
    left = await ask("GET", "/workspaces?limit=1000");
    for (const { id } of JSON.parse(left || "[]") as { id: string }[])
      await ask("DELETE", `/workspaces/${id}`);
  }
  return { asked, refused };
}

function send(
  url: string,
  method: string,
  body: string | undefined,
  key: string,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve) => {
    const none = () => resolve({ status: 0, text: "" });
    const headers = {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { "content-type": "application/json" }),
    };
    const sent = httpRequest(url, {
      method,
      headers,
      localAddress: FROM,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    sent.on("error", none);
    sent.on("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      answer.on("error", none).on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.end(body);
  });
}
