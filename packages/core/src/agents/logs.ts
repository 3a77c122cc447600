import { withDeadline } from "../base/deadline.js";
import type { Backend, Logs } from "../compute/backend.js";
import { BackendError } from "../compute/backend-error.js";
import { leaveAnswer } from "../db/log-answers.js";
import type { Queryable } from "../db/pool.js";
import { openResources, type OpenResource } from "../db/resources.js";
import type { LogsQuestion } from "../domain/logs.js";
import { instanceRef } from "../db/refs.js";

export type LogsAnswer =
  | (Pick<Logs, "lines" | "truncated"> & {
      found: true;
      backend: string;
      generation: number;
      /** For `since`: the generation, and where in its logs. Null if there is nothing to go on from. */
      position: string | null;
    })
  | {
      found: false;
      code: "no_logs" | "backend_unavailable" | "provider_unavailable" | "provider_timeout";
      message: string;
      providerCode: string | null;
    };

export const POSITION = /^(\d{1,15})~([\w.:/-]{1,128})$/;

/** The instance whose logs a workspace has: the one that isn't proven gone, since its end takes them along. */
export async function instanceWithLogs(db: Queryable, workspaceId: string): Promise<OpenResource | null> {
  return (await openResources(db, workspaceId)).find(({ kind }) => kind === "instance") ?? null;
}

/** What a job tells whose lines are left elsewhere: a queue keeps what its jobs return, and programs print secrets. */
export interface LogsLeft {
  found: "left";
}

/** Reads the logs of a workspace's instance, and leaves them for whoever asked. */
export async function answerLogs(
  deps: { pool: Queryable; backends: ReadonlyMap<string, Backend> },
  question: LogsQuestion,
  ending: AbortSignal,
): Promise<LogsAnswer | LogsLeft> {
  const answer = await readLogs(deps, question, ending);
  if (!answer.found || question.answerId === undefined) return answer;
  await leaveAnswer(deps.pool, question.answerId, answer);
  return { found: "left" };
}

/** What the provider fails at is a value: it travels as a job's answer. */
export async function readLogs(
  { pool, backends }: { pool: Queryable; backends: ReadonlyMap<string, Backend> },
  { workspaceId, tail, since, wholeLines, limitMs }: LogsQuestion,
  ending: AbortSignal,
): Promise<LogsAnswer> {
  const row = await instanceWithLogs(pool, workspaceId);
  if (row === null) return not("no_logs", "it has no instance now, and logs end with their instance");
  const backend = backends.get(row.place);
  if (backend === undefined) return not("backend_unavailable", `no worker serves place ${row.place}`);
  const [, generation, cursor] = POSITION.exec(since ?? "") ?? [];
  const known = Number(generation) === row.generation ? cursor : undefined;
  try {
    const wanted = { tail, since: known, wholeLines, priority: "user" as const };
    const logs = await withDeadline(limitMs, [ending], (signal) =>
      backend.logs(instanceRef(row), { ...wanted, signal }),
    );
    return {
      found: true,
      backend: row.backend,
      generation: row.generation,
      // PostgreSQL's text, which carries this answer, has no room for NUL.
      lines: logs.lines.map((line) => ({ ...line, text: line.text.replaceAll("\0", "\ufffd") })),
      truncated: logs.truncated,
      position: logs.cursor === null ? null : `${row.generation}~${logs.cursor}`,
    };
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    const late = error.code === "backend_timeout" || error.code === "aborted";
    return not(late ? "provider_timeout" : "provider_unavailable", error.message, error.providerCode);
  }
}

function not(
  code: (LogsAnswer & { found: false })["code"],
  message: string,
  providerCode: string | null = null,
): LogsAnswer {
  return { found: false, code, message, providerCode };
}
