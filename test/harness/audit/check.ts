import type { RunRecord } from "./record.js";

export interface Violation {
  /** Whose timeline tells how it came about. */
  workspace: string | null;
  at: number | null;
  what: string;
}

/** One promise, and how a record shows that it was broken. */
export interface Check {
  name: string;
  /** As in ARCHITECTURE.md. */
  invariant: string;
  promise: string;
  find(record: RunRecord): Violation[];
}
