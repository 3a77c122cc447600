import { isDeepStrictEqual } from "node:util";
import { BerthError } from "./errors.js";

/** What lets few calls of each key run at once. */
export interface KeyedQueue {
  /** Runs `work` when its turn has come. @throws BerthError `overloaded` */
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
  /**
   * The same for calls that one run can serve together: a call joins one that waits for the same key, if what both say of
   * themselves in `alike` is deeply equal (null: never). So it is never served by a run that had begun before it. `serve`
   * is the first one's and returns a result for each call, in order; if it fails, all of them get its error.
   */
  runTogether<Call, T>(
    key: string,
    alike: object | null,
    call: Call,
    serve: (calls: readonly Call[]) => Promise<readonly T[]>,
  ): Promise<T>;
}

/** One run that waits for its turn, and whom it will serve. */
interface Waiting {
  since: number;
  alike: object | null;
  calls: unknown[];
  results: Promise<readonly unknown[]>;
  letIn: () => void;
}

interface Line {
  running: number;
  waiting: Waiting[];
}

/**
 * Lets at most `atOnce` calls of a key run, and the others wait in order of arrival, for at most `waitMs`. While the
 * first of a line has waited for half of that, nobody else queues behind it: who would wait in vain hears it at once. One run
 * serves at most `most` calls together.
 */
export function createKeyedQueue({
  atOnce,
  waitMs,
  most = Infinity,
}: {
  atOnce: number;
  waitMs: number;
  most?: number;
}): KeyedQueue {
  const lines = new Map<string, Line>();

  const leave = (key: string, line: Line): void => {
    const next = line.waiting.shift();
    if (next !== undefined) return next.letIn();
    if (--line.running === 0) lines.delete(key);
  };
  const enqueue = <T>(
    line: Line,
    entry: Pick<Waiting, "alike" | "calls">,
    run: () => Promise<readonly T[]>,
  ) => {
    const since = performance.now();
    const first = line.waiting[0];
    if (first !== undefined && since - first.since > waitMs / 2) return Promise.reject(tooMany());
    const { promise: started, resolve, reject } = withResolvers();
    const results = started.then(run);
    const timer = setTimeout(() => {
      line.waiting.splice(line.waiting.indexOf(waiting), 1);
      reject(tooMany());
    }, waitMs);
    const letIn = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const waiting: Waiting = { ...entry, since, results, letIn };
    line.waiting.push(waiting);
    return results;
  };
  const runTogether: KeyedQueue["runTogether"] = async <Call, T>(
    key: string,
    alike: object | null,
    call: Call,
    serve: (calls: readonly Call[]) => Promise<readonly T[]>,
  ): Promise<T> => {
    const line = lines.get(key) ?? { running: 0, waiting: [] };
    lines.set(key, line);
    const calls = [call];
    const run = async (): Promise<readonly T[]> => {
      try {
        return await serve(calls);
      } finally {
        leave(key, line);
      }
    };
    if (line.running < atOnce) {
      line.running++;
      return (await run())[0]!;
    }
    const other =
      alike && line.waiting.find((one) => one.calls.length < most && isDeepStrictEqual(one.alike, alike));
    if (!other) return (await enqueue(line, { alike, calls }, run))[0]!;
    const place = other.calls.push(call) - 1;
    return (await other.results)[place] as T;
  };
  return {
    run: (key, work) => runTogether(key, null, null, async () => [await work()]),
    runTogether,
  };
}

function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

function tooMany(): BerthError {
  return new BerthError(
    "overloaded",
    "more requests for this workspace wait than can be served soon; nothing was changed",
  );
}
