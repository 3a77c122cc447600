import { type Retry, RETRY } from "./backoff.js";
import { type Calls, createCalls } from "./calls.js";
import { events, type EventsOptions } from "./events.js";
import { type LogMessage, logs, type LogsOptions } from "./logs.js";
import { type ListOptions, type ListPath, pages, type Row } from "./pages.js";
import { createTransport, type Trouble } from "./transport.js";
import type { Operation, Status, StructureEvent, Workspace } from "./types.js";
import { waitForOperation, waitForStatus, type WaitOptions } from "./waiting.js";

export interface ClientOptions {
  /** Where Berth answers, such as `http://127.0.0.1:8080`. */
  url: string;
  /** Null: none is sent, in a browser whose login counts. */
  key: string | null;
  /** Instead of the global one. */
  fetch?: (request: Request, init: RequestInit) => Promise<Response>;
  /** For one try, in ms, besides what `Prefer: wait` asks for; 30 s unless given. */
  timeoutMs?: number;
  retry?: Partial<Retry>;
  /** Told before each further try, also of a stream that was cut. */
  onRetry?: (trouble: Trouble) => void;
}

/** Every call throws BerthError unless it succeeds. */
export interface Client extends Calls {
  /** The pages of a list, as `Link` says. */
  pages<P extends ListPath>(path: P, options?: ListOptions<P>): AsyncGenerator<Row<P>[], void, undefined>;
  /** The rows of a list, over all its pages. */
  rows<P extends ListPath>(path: P, options?: ListOptions<P>): AsyncGenerator<Row<P>, void, undefined>;
  /** Waits until a workspace has one of these statuses. @throws BerthError `timed_out`, or `removed` */
  waitFor(
    workspace: string | Pick<Workspace, "id">,
    status: Status | readonly Status[],
    options?: WaitOptions<Workspace>,
  ): Promise<Workspace>;
  /** Waits until an operation has ended, in whatever state. @throws BerthError `timed_out` */
  waitForOperation(
    operation: string | Pick<Operation, "id">,
    options?: WaitOptions<Operation>,
  ): Promise<Operation>;
  /** What happens, each event once and in order. Goes on after each cut until it is left. */
  events(options?: EventsOptions): AsyncGenerator<StructureEvent, void, undefined>;
  /** What a workspace writes. */
  logs(
    workspace: string | Pick<Workspace, "id">,
    options?: LogsOptions,
  ): AsyncGenerator<LogMessage, void, undefined>;
}

export function createClient(options: ClientOptions): Client {
  const { key, timeoutMs = 30_000, onRetry = () => undefined } = options;
  const retry = { ...RETRY, ...options.retry };
  const fetch = options.fetch ?? ((request, init) => globalThis.fetch(request, init));
  const transport = createTransport({ fetch, timeoutMs, retry, onRetry });
  const calls = createCalls({ url: options.url, key, transport });
  const context = { calls, retry, onRetry };
  return {
    ...calls,
    pages: (path, list = {}) => pages(calls, path, list),
    async *rows(path, list = {}) {
      for await (const page of pages(calls, path, list)) yield* page;
    },
    waitFor: (workspace, status, wait = {}) => waitForStatus(calls, idOf(workspace), [status].flat(), wait),
    waitForOperation: (operation, wait = {}) => waitForOperation(calls, idOf(operation), wait),
    events: (wanted = {}) => events(context, wanted),
    logs: (workspace, wanted = {}) => logs(context, idOf(workspace), wanted),
  };
}

function idOf(one: string | { id: string }): string {
  return typeof one === "string" ? one : one.id;
}
