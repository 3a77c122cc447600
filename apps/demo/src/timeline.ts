import type { Operation } from "./api.js";

/** When each operation was accepted, started and ended, in seconds after the first was accepted. */
export function timeline(names: ReadonlyMap<string, string>, operations: readonly Operation[]): string {
  const rows = operations.toSorted((a, b) => a.created_at.localeCompare(b.created_at));
  const zero = Date.parse(rows[0]?.created_at ?? "");
  const at = (time: string | null) =>
    time === null ? "–" : `${((Date.parse(time) - zero) / 1_000).toFixed(2)} s`;
  const head = ["workspace", "operation", "accepted", "started", "ended", "requests", "outcome"];
  const cells = rows.map((row) => [
    names.get(row.workspace_id) ?? row.workspace_id,
    row.kind,
    at(row.created_at),
    at(row.started_at),
    at(row.finished_at),
    String(row.coalesced),
    row.state,
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((line) => line[i]!.length)));
  const numbers = new Set([2, 3, 4, 5]);
  const format = (line: readonly string[]) =>
    `  ${line.map((text, i) => (numbers.has(i) ? text.padStart(widths[i]!) : text.padEnd(widths[i]!))).join("  ")}`;
  return [head, ...cells].map((line) => format(line).trimEnd()).join("\n");
}

/** Pairs of operations of one workspace that ran at the same time: there must be none. */
export function overlaps(operations: readonly Operation[]): [Operation, Operation][] {
  const ran = operations.filter((one) => one.started_at !== null);
  return ran.flatMap((a, i) =>
    ran
      .slice(i + 1)
      .filter((b) => a.workspace_id === b.workspace_id && startedIn(a, b))
      .map((b): [Operation, Operation] => [a, b]),
  );
}

function startedIn(a: Operation, b: Operation): boolean {
  const [first, second] = a.started_at! <= b.started_at! ? [a, b] : [b, a];
  return first.finished_at === null || second.started_at! < first.finished_at;
}
