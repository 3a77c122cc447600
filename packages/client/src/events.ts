import type { Retry } from "./backoff.js";
import type { Calls } from "./calls.js";
import { BerthError } from "./errors.js";
import { type Connection, follow } from "./stream.js";
import type { Trouble } from "./transport.js";
import type { StructureEvent } from "./types.js";

export interface EventsOptions {
  /** Only of this workspace. */
  workspaceId?: string;
  /** Only of one of these types. */
  types?: readonly string[];
  /** `name:value`: only of workspaces that have all these labels. */
  labels?: readonly string[];
  /** Begins after the event with this id, 0 for all; from now on unless given. */
  after?: number;
  /** Told when events that were missed are no longer kept; without it that is thrown, as `gap`. */
  onGap?: () => void;
  /** Told of each connection: from the first one's on, all that happens is told. */
  onOpen?: () => void;
  signal?: AbortSignal;
}

export interface StreamContext {
  calls: Calls;
  retry: Retry;
  onRetry: (trouble: Trouble) => void;
}

/** What happens, each event once and in order, over any number of connections. @throws BerthError */
export async function* events(
  { calls, retry, onRetry }: StreamContext,
  { workspaceId, types, labels, after, onGap, onOpen, signal }: EventsOptions,
): AsyncGenerator<StructureEvent, void, undefined> {
  const query = {
    ...(workspaceId === undefined ? {} : { workspace_id: workspaceId }),
    ...(types === undefined ? {} : { type: [...types] }),
    ...(labels === undefined ? {} : { label: [...labels] }),
  };
  const connect = async (lastId: string | null): Promise<Connection> => {
    const { data, response } = await calls.GET("/events/stream", {
      params: { query, header: lastId === null ? {} : { "last-event-id": lastId } },
      headers: { accept: "text/event-stream" },
      parseAs: "stream",
      signal: signal ?? null,
    });
    onOpen?.();
    return { response, body: data! };
  };
  const lastId = after === undefined ? null : String(after);
  for await (const { event, data } of follow({ connect, lastId, signal, retry, onRetry })) {
    if (event === undefined) yield JSON.parse(data) as StructureEvent;
    else if (event === "gap") {
      if (onGap === undefined) throw new BerthError("gap", "events that were missed are no longer kept");
      onGap();
    } else if (event === "end" && reasonOf(data) === "key_refused")
      throw new BerthError("unauthorized", "the key is refused from now on", { status: 401 });
  }
}

export function reasonOf(data: string): unknown {
  return (JSON.parse(data) as { reason?: unknown }).reason;
}
