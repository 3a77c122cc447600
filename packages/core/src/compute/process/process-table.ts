/** A process that isn't dead: a zombie, which only waits for its parent to look, is left out. */
export interface RunningProcess {
  pid: number;
  /** Process group. */
  group: number;
  /** When it started, in the table's own terms: with the pid it names one process for all time. */
  start: string;
  /** What {@link MARKER} holds in the environment it was started with; null if that can't be read. */
  marker: string | null;
}

export interface ProcessTable {
  /** Those of `pids` that run, without markers. @throws if the system doesn't tell. */
  find(pids: readonly number[]): Promise<Map<number, RunningProcess>>;
  /** All that run. @throws if the system doesn't tell. */
  all(): Promise<RunningProcess[]>;
  /** The argument vector as text; null if it doesn't run. */
  argumentsOf(pid: number): Promise<string | null>;
}

/** In the environment of each instance and, unless they clear it, of all that it starts. */
export const MARKER = "BERTH_INSTANCE";
