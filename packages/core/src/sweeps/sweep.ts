import type { Pool } from "../db/pool.js";
import type { Released } from "../lifecycle/release.js";
import type { Dispatcher } from "../lifecycle/dispatcher.js";

export interface SweepDeps {
  pool: Pool;
  dispatcher: Dispatcher;
  /** Drives on what is to be released of a workspace, under its gate. */
  release(workspace: { id: string; backend: string }, signal: AbortSignal): Promise<Released>;
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
  /** How long one run may take, in ms, before another worker may begin one. */
  readonly runLimitMs: number;
  runOnce(deps: SweepDeps, cursor: string | null): Promise<SweepResult>;
}
