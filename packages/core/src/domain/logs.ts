/** What a worker is asked. A job's data: small, and nothing in it is acted on. */
export interface LogsQuestion {
  workspaceId: string;
  /** Lines, 1 to 10,000. */
  tail: number;
  /** The `position` of an answer: only what came after it. One of another generation counts as none. */
  since: string | null;
  wholeLines: boolean;
  /** How long the provider may take, in ms. */
  limitMs: number;
  /** Under which id the answer is left in PostgreSQL; absent where an API of an earlier version asks, which wants it at once. */
  answerId?: string;
}
