import type { Result, Sample, Target } from "./case.js";
import { median } from "./run.js";

/** What a subject came to over all rounds. */
export interface Row {
  subject: string;
  /** Null: a promise was broken, or a round failed. */
  value: number | null;
  spread: readonly [number, number];
  more: Readonly<Record<string, number>>;
  /** Why there is no figure. */
  broken: readonly string[];
}

export function rowsOf({ subjects, rounds }: Result): Row[] {
  return subjects.map((subject) => {
    const all = rounds.map((round) => round[subject]!);
    const samples = all.filter((one): one is Sample => "value" in one);
    const failures = all.flatMap((one) => ("failed" in one ? [one.failed] : []));
    const broken = [...new Set([...samples.flatMap((one) => one.broken), ...failures])];
    const values = samples.map(({ value }) => value).toSorted((a, b) => a - b);
    const columns = [...new Set(samples.flatMap(({ more }) => Object.keys(more)))];
    const of = (column: string) =>
      median(samples.flatMap(({ more }) => (more[column] === undefined ? [] : [more[column]])));
    return {
      subject,
      value: broken.length > 0 || values.length === 0 ? null : median(values),
      spread: [values[0] ?? NaN, values.at(-1) ?? NaN],
      more: Object.fromEntries(columns.map((column) => [column, of(column)])),
      broken,
    };
  });
}

export interface Judged {
  target: Target;
  /** Null: one of the two has none. */
  figure: number | null;
  met: boolean;
}

export function judge(result: Result): Judged[] {
  const rows = rowsOf(result);
  const figureOf = (subject: string, column: string | undefined): number | null => {
    const row = rows.find((one) => one.subject === subject);
    if (row === undefined || row.value === null) return null;
    return column === undefined ? row.value : (row.more[column] ?? null);
  };
  return result.targets.map((target) => {
    const all = [target.subject].flat().map((subject) => figureOf(subject, target.of));
    const own = all.some((one) => one === null) ? null : Math.max(...all.map(Number));
    const other = target.over === undefined ? 1 : figureOf(target.over, target.overOf ?? target.of);
    const figure = own === null || other === null ? null : own / other;
    const met =
      figure !== null && figure >= (target.least ?? -Infinity) && figure <= (target.most ?? Infinity);
    return { target, figure, met };
  });
}
