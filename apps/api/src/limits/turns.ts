/** A request that is to be carried out. */
export interface Wish {
  /** Whose turns it takes: a tenant's, or those of a key that is of none. */
  by: string;
  /** How many of these may go on at a time. Asked again whenever one of them ends. */
  room: () => number;
  /** Told how long it took; says for how long the next of its caller's then waits, if one does. Both in ms. */
  ended?: (tookMs: number) => number;
  /** Before all else of its caller's, and never refused. */
  first: boolean;
  /**
   * What requests of one caller that have it in common wait for anyway, such as a workspace: they have one turn together, so
   * that equal ones can still be served as one.
   */
  together?: string | undefined;
  /** Calls back when nobody waits for the answer any more: then its turn never comes. */
  onGone?: (leave: () => void) => void;
}

export interface Turns {
  /** Resolves when its turn has come, with what ends it; calling that again does nothing. Null: too much of its caller's waits. */
  take(wish: Wish): Promise<(() => void) | null>;
}

const MAX_WAIT_MS = 20_000;
const MAX_REST_MS = 1_000;

type Turn = string | symbol;

interface Waiter {
  since: number;
  turn: Turn;
  first: boolean;
  room: () => number;
  letIn: () => void;
}

/** One caller's. */
interface Line {
  /** The turns that go on, with how many requests each has. */
  goOn: Map<Turn, number>;
  /** In the order in which they come; those that are `first` before all others. */
  waiting: Waiter[];
}

/** Lets so many requests of each caller go on as there is room for; its others wait in order of arrival, for at most 20 s. */
export function createTurns(now = () => performance.now()): Turns {
  const lines = new Map<string, Line>();

  const begin = (by: string, line: Line, turn: Turn, told: (tookMs: number) => number): (() => void) => {
    const { goOn } = line;
    const begun = now();
    goOn.set(turn, (goOn.get(turn) ?? 0) + 1);
    let ended = false;
    const end = (): void => {
      const others = goOn.get(turn)! - 1;
      if (others > 0) return void goOn.set(turn, others);
      goOn.delete(turn);
      for (let next = line.waiting[0]; next && goOn.size < next.room(); next = line.waiting[0])
        letIn(line, next.turn);
      if (goOn.size === 0) lines.delete(by);
    };
    return () => {
      if (ended) return;
      ended = true;
      const pauseMs = told(now() - begun);
      if (pauseMs > 0 && line.waiting.length > 0) setTimeout(end, Math.min(pauseMs, MAX_REST_MS));
      else end();
    };
  };

  return {
    async take({ by, room, ended = () => 0, first, together, onGone }) {
      const line: Line = lines.get(by) ?? { goOn: new Map(), waiting: [] };
      lines.set(by, line);
      const turn = together ?? Symbol();
      const isNext = first ? line.waiting[0]?.first !== true : line.waiting.length === 0;
      if (line.goOn.has(turn) || (isNext && line.goOn.size < room())) return begin(by, line, turn, ended);
      const since = now();
      const before = line.waiting.find((one) => !one.first);
      // Who would wait in vain hears it at once.
      if (!first && before !== undefined && since - before.since > MAX_WAIT_MS / 2) return null;
      return new Promise((resolve) => {
        const leave = (): void => {
          if (!line.waiting.includes(waiter)) return;
          line.waiting = line.waiting.filter((one) => one !== waiter);
          clearTimeout(late);
          resolve(null);
        };
        const late = first ? undefined : setTimeout(leave, MAX_WAIT_MS);
        const waiter: Waiter = {
          since,
          turn,
          first,
          room,
          letIn() {
            clearTimeout(late);
            resolve(begin(by, line, turn, ended));
          },
        };
        const at = first ? line.waiting.findIndex((one) => !one.first) : -1;
        line.waiting.splice(at < 0 ? line.waiting.length : at, 0, waiter);
        onGone?.(leave);
      });
    },
  };
}

/** All who wait for this turn. */
function letIn(line: Line, turn: Turn): void {
  const those = line.waiting.filter((one) => one.turn === turn);
  line.waiting = line.waiting.filter((one) => one.turn !== turn);
  for (const one of those) one.letIn();
}
