/** What a backend wants its ledger row to remember, such as a zone or a type. Never a secret. */
export type Details = Readonly<Record<string, unknown>>;

/** What a place is like, asked without changing anything there. Each entry is one line with its cure. */
export interface Examination {
  /** What answers, in a few words. */
  found: string;
  /** Without these no workspace starts there, or none ends. */
  lacks: string[];
  warnings: string[];
}
