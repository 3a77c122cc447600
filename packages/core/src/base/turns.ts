import { BerthError } from "./errors.js";

/** Takes a turn. @returns what ends it. @throws BerthError `overloaded` */
export type TakeTurn = (key: string) => Promise<() => void>;

interface Line {
  taken: number;
  waiting: { since: number; go: () => void }[];
}

/**
 * Lets at most `atOnce` of a key in, and the others wait in order of arrival, for at most `waitMs`. While the
 * first of a line has waited for half of that, nobody else joins it: who would wait in vain hears it at once.
 */
export function createTurns({ atOnce, waitMs }: { atOnce: number; waitMs: number }): TakeTurn {
  const lines = new Map<string, Line>();

  const leave = (key: string, line: Line): void => {
    const next = line.waiting.shift();
    if (next !== undefined) return next.go();
    if (--line.taken === 0) lines.delete(key);
  };
  return (key) => {
    const line = lines.get(key) ?? { taken: 0, waiting: [] };
    lines.set(key, line);
    const end = (): void => leave(key, line);
    if (line.taken < atOnce) {
      line.taken++;
      return Promise.resolve(end);
    }
    const since = performance.now();
    const first = line.waiting[0];
    if (first !== undefined && since - first.since > waitMs / 2) return Promise.reject(tooMany());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        line.waiting.splice(line.waiting.indexOf(waiter), 1);
        reject(tooMany());
      }, waitMs);
      const waiter = {
        since,
        go: () => {
          clearTimeout(timer);
          resolve(end);
        },
      };
      line.waiting.push(waiter);
    });
  };
}

function tooMany(): BerthError {
  return new BerthError(
    "overloaded",
    "more requests for this workspace wait than can be served soon; nothing was changed",
  );
}
