import { setTimeout as delay } from "node:timers/promises";
import type { Journal } from "../journal.js";
import type { Random } from "../random.js";

export interface Ask {
  /** What it is for, as the auditor knows it. */
  kind: "create" | "restart" | "pause" | "resume" | "hibernate" | "delete" | "read" | "beat";
  method: "GET" | "POST" | "DELETE";
  path: string;
  body?: object;
  /** Whom it is about, if it is known. */
  workspace?: string;
  /** In place of the key. */
  token?: string;
}

export interface Answer {
  /** 0: none came. */
  status: number;
  body: Record<string, unknown>;
}

/** Asks as real clients do: again after a failure, of the other API, under the same Idempotency-Key. */
export type Caller = (ask: Ask) => Promise<Answer>;

export interface CallerOptions {
  client: string;
  apiUrls: readonly string[];
  adminKey: string;
  journal: Journal;
  random: Random;
  /** Nothing is asked again once it is aborted. */
  signal: AbortSignal;
}

/** Longer than the 5 s in which each is to be answered. */
const PATIENCE_MS = 12_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 3_000;
/** Of the answers that come is lost by the client itself, as by one that ends and is started again. */
const FORGOTTEN = 0.05;

export function createCaller({ client, apiUrls, adminKey, journal, random, signal }: CallerOptions): Caller {
  let asked = 0;
  return async (ask) => {
    const request = `${client}-${++asked}`;
    let api = random.between(0, apiUrls.length - 1);
    const patient = ask.kind !== "beat";
    for (let attempt = 1; ; attempt++) {
      const startedAt = Date.now();
      const { status, body, error } = await once(
        `${apiUrls[api]}${ask.path}`,
        ask,
        ask.token ?? adminKey,
        request,
      );
      journal.write({
        type: "call",
        client,
        request,
        attempt,
        kind: ask.kind,
        api: `api-${api + 1}`,
        workspace: (ask.kind === "create" ? (body["id"] as string | undefined) : ask.workspace) ?? null,
        asked: startedAt,
        answered: Date.now(),
        status,
        operation: (body["operation"] as { id?: string } | undefined)?.id ?? null,
        cascade: body["cascade_deleted"] ?? null,
        code: body["code"] ?? error,
      });
      const forgotten = patient && ask.kind !== "read" && random.chance(FORGOTTEN);
      const again = status === 0 || status === 429 || status >= 500 || forgotten;
      if (!again || !patient || signal.aborted) return { status, body };
      api = (api + 1) % apiUrls.length;
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
      await delay(pause * (0.5 + random.fraction()), undefined, { signal }).catch(() => undefined);
    }
  };
}

async function once(
  url: string,
  { method, body }: Ask,
  key: string,
  request: string,
): Promise<Answer & { error: string | null }> {
  try {
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(method === "GET" ? {} : { "idempotency-key": request }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const answer = (await response.json()) as Answer["body"];
    return { status: response.status, body: answer, error: null };
  } catch (error) {
    const { name, cause } = error as Error & { cause?: { code?: string } };
    return { status: 0, body: {}, error: cause?.code ?? name };
  }
}
