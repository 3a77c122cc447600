import type { Pool } from "../db/pool.js";
import type { Dispatcher } from "../lifecycle/dispatcher.js";

export interface SweepDeps {
  pool: Pool;
  dispatcher: Dispatcher;
  signal: AbortSignal;
}

export interface SweepResult {
  counts: Record<string, number>;
  /** Where the next run goes on; null: from the beginning. */
  cursor: string | null;
}

/** A repeatable job that compares what should be with what is, and acts on the difference. */
export interface Sweep {
  readonly name: string;
  /** How much one run looks at. */
  readonly limit: number;
  runOnce(deps: SweepDeps, cursor: string | null): Promise<SweepResult>;
}
