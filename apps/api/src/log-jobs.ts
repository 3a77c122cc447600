import type { LogsQuestion } from "@berth/core/domain/logs";
import { setTimeout as delay } from "node:timers/promises";
import { BerthError } from "@berth/core/base/errors";
import type { LogsAnswer } from "@berth/core/agents/logs";
import type { Queues } from "@berth/core/queues/queues";
import { askStore } from "./sweep-jobs.js";

const POLL_MS = { first: 15, longest: 200 };
/** Logs are read by whoever asked, and are nobody else's: what isn't taken at once goes soon. In seconds. */
const KEPT_S = 60;
/** Of the wait, what is left for the queue. */
const PROVIDER_SHARE = 0.8;

export type FoundLogs = LogsAnswer & { found: true };

/**
 * Has a worker read logs: only workers know the providers. What isn't answered in time is given up.
 * @throws BerthError `no_logs`, `no_worker`, `backend_unavailable`, `provider_unavailable`, `provider_timeout`,
 *   `queues_unavailable`
 */
export async function askForLogs(
  { logs }: Pick<Queues, "logs">,
  question: Omit<LogsQuestion, "limitMs">,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<FoundLogs> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const left = until - performance.now();
    const limitMs = Math.max(1, Math.floor(left * PROVIDER_SHARE));
    const answer = await askOnce({ logs }, { ...question, limitMs }, until, signal);
    if (answer === null)
      throw new BerthError("no_worker", `no worker answered within ${Math.round(timeoutMs / 1_000)} s`);
    if (answer.found) return answer;
    const { code, message, providerCode } = answer;
    // Another worker may serve it.
    const again = code === "backend_unavailable" && performance.now() + POLL_MS.longest < until;
    if (!again || signal.aborted)
      throw new BerthError(code, message, {
        workspace_id: question.workspaceId,
        provider_code: providerCode,
      });
    await delay(POLL_MS.longest);
  }
}

/** Null if nobody answered. */
async function askOnce(
  { logs }: Pick<Queues, "logs">,
  question: LogsQuestion,
  until: number,
  signal: AbortSignal,
): Promise<LogsAnswer | null> {
  const kept = { age: KEPT_S };
  const { id } = await askStore(logs.add("read", question, { removeOnComplete: kept, removeOnFail: kept }));
  try {
    for (let pause = POLL_MS.first; performance.now() < until && !signal.aborted; pause *= 2) {
      const state = await askStore(logs.getJobState(id!));
      if (state === "completed" || state === "failed") {
        const job = await askStore(logs.getJob(id!));
        if (state === "completed") return (job?.returnvalue ?? null) as LogsAnswer | null;
        const message = job?.failedReason ?? "the reason is lost";
        return { found: false, code: "provider_unavailable", message, providerCode: null };
      }
      await delay(Math.min(pause, POLL_MS.longest));
    }
    const taken = (await askStore(logs.getJobState(id!))) === "active";
    const message = "a worker has asked it, and waits still";
    return taken ? { found: false, code: "provider_timeout", message, providerCode: null } : null;
  } finally {
    // One that a worker is at can't be removed; that goes by its age.
    await logs.remove(id!).catch(() => undefined);
  }
}
