import type { Bed } from "./bed.js";

/** One measurement of one subject. */
export interface Sample {
  /** In the case's unit. */
  value: number;
  /** What else was seen, by the title of its column. */
  more: Readonly<Record<string, number>>;
  /** The promises that were broken. If there is one, the subject has no figure. */
  broken: readonly string[];
}

/** What a figure must be, by itself or as a multiple of another subject's in the same run. */
export interface Target {
  what: string;
  /** Of several, the one with the largest figure. */
  subject: string | readonly string[];
  /** A column; default: the value. */
  of?: string;
  /** The subject to divide by. */
  over?: string;
  /** The column to divide by; default: `of`. */
  overOf?: string;
  least?: number;
  most?: number;
  /** What stands in its way, told where it isn't met. */
  limit?: string;
}

export interface Case {
  name: string;
  title: string;
  /** What is done, in a sentence or two for the reader of the table. */
  what: string;
  unit: string;
  better: "more" | "less";
  /** By the title of their row; each is run once a round, in turn. */
  subjects: readonly string[];
  /** The subject that all others are shown as a multiple of. */
  reference: string;
  /** After which no further round begins, of the 25 that `npm run bench` may take. */
  minutes: number;
  targets: readonly Target[];
  /** Run only if asked for by name: it takes longer than all others may. */
  alone?: boolean;
  open(bed: Bed): Promise<Opened> | Opened;
}

export interface Opened {
  /** @throws if it can't be measured, which is told and gives it no figure */
  run(subject: string): Promise<Sample>;
  close?(): Promise<void>;
}

/** A case with what was seen, as `docs/benchmarks/NAME.json` has it. */
export interface Result extends Omit<Case, "open" | "minutes" | "alone"> {
  date: string;
  machine: string;
  versions: Readonly<Record<string, string>>;
  /** Of one minute, when it began: what else the machine did. */
  load: number;
  rounds: readonly Readonly<Record<string, Sample | { failed: string }>>[];
}
