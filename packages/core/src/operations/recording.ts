import type { Hold } from "../db/gates.js";
import type { Operation } from "../db/operations.js";
import { setPhase } from "../db/progress.js";
import type { WithCommit } from "../db/sent.js";
import type { Pool, Tx } from "../db/pool.js";
import type { Gate } from "../gate/gate.js";
import { LeaseLostError } from "../gate/verdict.js";
import type { Step } from "./step.js";

type Write = (tx: Tx) => Promise<unknown>;

/** What an attempt records, and when: what can wait for the next transaction is written by that one. */
export interface Recording {
  /** Says at which step the operation is: with the first thing that the step writes, where that comes first. */
  enter(step: Step): Promise<void>;
  /** @throws LeaseLostError */
  fenced<T>(work: (tx: Tx) => Promise<T | WithCommit<T>>): Promise<T>;
  /** Has this written with what is recorded next: at the latest when a step begins that doesn't write first, or at the end. */
  later(write: Write): void;
  /** Writes all of it. @throws LeaseLostError */
  flush(): Promise<void>;
  /** What is to be written before an operation has succeeded; its step isn't. @throws LeaseLostError */
  flushWrites(): Promise<void>;
}

export function recordingOf(
  { pool, gate }: { pool: Pool; gate: Gate },
  operation: Operation,
  hold: Hold,
): Recording {
  let phase: string | null = null;
  let writes: Write[] = [];

  const fenced = async <T>(work: (tx: Tx) => Promise<T | WithCommit<T>>): Promise<T> => {
    const [now, before] = [phase, writes];
    const result = await gate.fenced<T>(
      hold,
      async (tx) => {
        for (const write of before) await write(tx);
        return work(tx);
      },
      now,
    );
    if (phase === now) phase = null;
    writes = writes.slice(before.length);
    return result;
  };
  const flushWrites = async (): Promise<void> => {
    if (writes.length > 0) await fenced(() => Promise.resolve());
  };
  const flush = async (): Promise<void> => {
    await flushWrites();
    if (phase === null) return;
    if (!(await setPhase(pool, hold, phase))) throw new LeaseLostError("the gate is held by another worker");
    phase = null;
  };
  return {
    fenced,
    flush,
    flushWrites,
    later: (write) => {
      writes = [...writes, write];
    },
    async enter(step) {
      operation.phase = phase = step.name;
      if (step.writesFirst !== true) await flush();
    },
  };
}
