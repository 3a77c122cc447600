import type { LogsQuestion } from "@berth/core/domain/logs";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { BerthError } from "@berth/core/base/errors";
import type { LogsAnswer, LogsLeft } from "@berth/core/agents/logs";
import { takeAnswer } from "@berth/core/db/log-answers";
import type { Pool } from "@berth/core/db/pool";
import type { Queues } from "@berth/core/queues/producer";
import { askWorker } from "@berth/core/queues/question";

const PACE = { firstMs: 15, longestMs: 200 };
/** Before another worker is asked, in ms. */
const AGAIN_MS = 200;
/** A question is nobody else's: one that nobody has taken goes soon. In seconds. */
const KEPT_S = 60;
/** Of the wait, what is left for the queue. */
const PROVIDER_SHARE = 0.8;

export type FoundLogs = LogsAnswer & { found: true };

/**
 * Has a worker that serves the place read logs: only workers know the providers. What isn't answered in time is given up.
 * @throws BerthError `no_logs`, `no_worker`, `backend_unavailable`, `provider_unavailable`, `provider_timeout`,
 *   `queues_unavailable`
 */
export async function askForLogs(
  { pool, queues }: { pool: Pool; queues: Pick<Queues, "logsOf"> },
  place: string,
  question: Omit<LogsQuestion, "limitMs" | "answerId">,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<FoundLogs> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const left = until - performance.now();
    const limitMs = Math.max(1, Math.floor(left * PROVIDER_SHARE));
    const logs = queues.logsOf(place);
    const answer = await askOnce(pool, logs, { ...question, limitMs, answerId: randomUUID() }, until, signal);
    if (answer === null)
      throw new BerthError("no_worker", `no worker answered within ${Math.round(timeoutMs / 1_000)} s`);
    if (answer.found) return answer;
    const { code, message, providerCode } = answer;
    // Another worker may serve it.
    const again = code === "backend_unavailable" && performance.now() + AGAIN_MS < until;
    if (!again || signal.aborted)
      throw new BerthError(code, message, {
        workspace_id: question.workspaceId,
        provider_code: providerCode,
      });
    await delay(AGAIN_MS);
  }
}

/** Null if nobody answered. */
async function askOnce(
  pool: Pool,
  logs: ReturnType<Queues["logsOf"]>,
  question: LogsQuestion & { answerId: string },
  until: number,
  signal: AbortSignal,
): Promise<LogsAnswer | null> {
  const kept = { removeOnComplete: { age: KEPT_S }, removeOnFail: { age: KEPT_S } };
  const limitMs = Math.max(0, until - performance.now());
  const reply = await askWorker<LogsQuestion, LogsAnswer | LogsLeft>(logs, "read", question, {
    limitMs,
    signal,
    kept,
    ...PACE,
  });
  if (reply.state === "answered")
    return reply.value?.found === "left"
      ? ((await takeAnswer(pool, question.answerId)) as LogsAnswer | null)
      : reply.value;
  if (reply.state === "waiting") return null;
  if (reply.state === "failed")
    return { found: false, code: "provider_unavailable", message: reply.reason, providerCode: null };
  const message = "a worker has asked it, and waits still";
  return { found: false, code: "provider_timeout", message, providerCode: null };
}
