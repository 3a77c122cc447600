import { type StreamContext, reasonOf } from "./events.js";
import { BerthError } from "./errors.js";
import { type Connection, follow } from "./stream.js";
import type { paths } from "./types.js";

type Line =
  paths["/workspaces/{id}/logs"]["get"]["responses"][200]["content"]["application/json"]["lines"][number];

/**
 * `started`: which incarnation writes from here on. `gap`: lines are missing here. `trouble`: the logs can't be read
 * now, and are asked for again.
 */
export type LogMessage =
  | ({ type: "line" } & Line)
  | { type: "started"; backend: string; generation: number }
  | { type: "gap" }
  | { type: "trouble"; code: string; detail: string };

export interface LogsOptions {
  /** The last so many lines; 100 unless given. */
  tail?: number;
  /** Goes on with what is written next, until the workspace is removed. */
  follow?: boolean;
  signal?: AbortSignal;
}

/** What a workspace writes, each line once, over any number of connections and restarts. @throws BerthError */
export async function* logs(
  context: StreamContext,
  id: string,
  { tail = 100, follow: goOn = false, signal }: LogsOptions,
): AsyncGenerator<LogMessage, void, undefined> {
  if (goOn) return yield* followed(context, id, tail, signal);
  const { data } = await context.calls.GET("/workspaces/{id}/logs", {
    params: { path: { id }, query: { tail } },
    signal: signal ?? null,
  });
  yield { type: "started", backend: data.backend, generation: data.generation };
  for (const line of data.lines) yield { type: "line", ...line };
}

async function* followed(
  { calls, retry, onRetry }: StreamContext,
  id: string,
  tail: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<LogMessage, void, undefined> {
  // Only the last line of a batch has an id, so a batch that was cut comes again as a whole.
  let held: LogMessage[] = [];
  let generation: number | null = null;
  const connect = async (lastId: string | null): Promise<Connection> => {
    held = [];
    const { data, response } = await calls.GET("/workspaces/{id}/logs", {
      params: {
        path: { id },
        query: { tail, follow: true },
        header: lastId === null ? {} : { "last-event-id": lastId },
      },
      headers: { accept: "text/event-stream" },
      parseAs: "stream",
      signal: signal ?? null,
    });
    return { response, body: data! };
  };
  try {
    for await (const message of follow({ connect, lastId: null, signal, retry, onRetry })) {
      const { event, data } = message;
      if (event === "line") {
        held.push({ type: "line", ...(JSON.parse(data) as Line) });
        if (message.id === undefined) continue;
      }
      yield* held.splice(0);
      if (event === "end" && reasonOf(data) === "removed") return;
      if (event === "gap") yield { type: "gap" };
      if (event === "trouble")
        yield { type: "trouble", ...(JSON.parse(data) as { code: string; detail: string }) };
      if (event === "logs") {
        const started = JSON.parse(data) as { backend: string; generation: number };
        // Each connection begins with it.
        if (started.generation !== generation) yield { type: "started", ...started };
        generation = started.generation;
      }
    }
  } catch (error) {
    // It was removed while no connection was there to tell.
    const gone =
      error instanceof BerthError && (error.code === "no_logs" || error.code === "workspace_not_found");
    if (!gone || generation === null) throw error;
  }
}
