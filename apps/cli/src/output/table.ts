import { colourOf, type Paint } from "./paint.js";

/** Rows under their titles, in columns. A column of states is coloured by them. */
export function table(paint: Paint, titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(plain));
  const widths = titles.map((title, at) => Math.max(title.length, ...cells.map((row) => row[at]!.length)));
  const line = (row: readonly string[], colour: (text: string, at: number) => string): string =>
    row
      .map((text, at) => colour(at === row.length - 1 ? text : text.padEnd(widths[at]!), at))
      .join("  ")
      .trimEnd();
  const states = new Set(
    titles.flatMap((title, at) => (title === "STATUS" || title === "STATE" ? [at] : [])),
  );
  return [
    line(titles, (text) => paint("dim", text)),
    ...cells.map((row) =>
      line(row, (text, at) => (states.has(at) ? paint(colourOf(text.trim()), text) : text)),
    ),
  ].join("\n");
}

/** Names and what they are, one a line. */
export function details(paint: Paint, entries: readonly (readonly [string, string | null])[]): string {
  const shown = entries.filter((entry): entry is readonly [string, string] => entry[1] !== null);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => `${paint("dim", name.padEnd(width))}  ${paint(colourOf(value), plain(value))}`)
    .join("\n");
}

/** What others wrote must not steer the terminal. */
export function plain(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, " ");
}
