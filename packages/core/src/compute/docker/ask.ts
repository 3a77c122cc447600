import { within } from "../../base/deadline.js";
import { BackendError } from "../backend-error.js";
import type { DockerClient } from "./client.js";
import { failureOf, messageOf, statusOf } from "./failure.js";

/** What the daemon said: a value, or one of the refusals that the caller expects. */
export type Answer<T> = { ok: true; value: T } | { ok: false; status: number; message: string };

export interface AskOptions {
  signal: AbortSignal;
  /** HTTP statuses that are an answer to this question and no failure. */
  expects?: readonly number[];
  /** Default: the client's `callTimeoutMs`. */
  timeoutMs?: number;
  /** `any` where no JSON is expected. Default `json`. */
  reply?: "json" | "any";
  /** Values that the daemon may repeat in its message and that must not be seen. */
  secrets?: readonly string[];
}

/**
 * Puts one question to the daemon, within a time limit and until `signal` aborts.
 *
 * Who doesn't obey the time limit isn't waited for: docker-modem never settles when the connection breaks
 * in the middle of a reply. An aborted request is given up here; the daemon may still carry it out.
 * @throws BackendError
 */
export async function ask<T>(
  client: DockerClient,
  what: string,
  { signal, expects = [], timeoutMs = client.callTimeoutMs, reply = "json", secrets = [] }: AskOptions,
  run: (abortSignal: AbortSignal) => Promise<T>,
): Promise<Answer<T>> {
  let limit: AbortSignal | undefined;
  try {
    signal.throwIfAborted();
    const value = await within(timeoutMs, [signal], (either) => run((limit = either)));
    // docker-modem hands out what it can't parse as bytes. An empty reply is no empty list (I4).
    if (reply === "json" && Buffer.isBuffer(value)) throw new Error("the reply isn't JSON");
    return { ok: true, value };
  } catch (error) {
    if (signal.aborted) throw new BackendError("aborted", "transient", `${what}: given up`);
    if (limit?.aborted === true)
      throw new BackendError("backend_timeout", "transient", `${what}: no answer within ${timeoutMs} ms`);
    const status = statusOf(error);
    const message = messageOf(error, secrets);
    if (status !== null && expects.includes(status)) return { ok: false, status, message };
    throw failureOf(what, error, message);
  }
}

/** As {@link ask}, for a question without expected refusals. @throws BackendError */
export async function demand<T>(
  client: DockerClient,
  what: string,
  options: Omit<AskOptions, "expects">,
  run: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  const answer = await ask(client, what, options, run);
  if (!answer.ok) throw new BackendError("backend_failed", "transient", `${what}: ${answer.message}`);
  return answer.value;
}
