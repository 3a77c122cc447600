import { colourOf, type Paint } from "./paint.js";

const GAP = 2;
/** Of a UUID; a command takes so much of one for all of it. */
const SHORT_ID = 8;
/** No column is cut to less. */
const LEAST = 8;

/**
 * Rows under their titles, in columns. A column of states is coloured by them. Where a terminal is too narrow, ids are shown
 * by their beginnings, and then the widest columns are cut.
 */
export function table(paint: Paint, titles: readonly string[], rows: readonly (readonly string[])[]): string {
  let cells = rows.map((row) => row.map(plain));
  const widthsOf = (): number[] =>
    titles.map((title, at) => Math.max(title.length, ...cells.map((row) => row[at]!.length)));
  const excess = (widths: readonly number[]): number =>
    paint.width === null ? 0 : sum(widths) + GAP * (widths.length - 1) - paint.width;
  if (excess(widthsOf()) > 0)
    cells = cells.map((row) => row.map((text, at) => (titles[at] === "ID" ? text.slice(0, SHORT_ID) : text)));
  const widths = widthsOf();
  for (let over = excess(widths); over > 0; over--) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= Math.max(LEAST, titles[widest]!.length)) break;
    widths[widest]!--;
  }
  const line = (row: readonly string[], colour: (text: string, at: number) => string): string =>
    row
      .map((text, at) => {
        const fitting = cut(text, widths[at]!);
        return colour(at === row.length - 1 ? fitting : fitting.padEnd(widths[at]!), at);
      })
      .join(" ".repeat(GAP))
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

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

/** At most so many characters, the last of them a sign that there is more. */
export function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** Names and what they are, one a line. */
export function details(paint: Paint, entries: readonly (readonly [string, string | null])[]): string {
  const shown = entries.filter((entry): entry is readonly [string, string] => entry[1] !== null);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => `${paint("dim", name.padEnd(width))}  ${paint(colourOf(value), plain(value))}`)
    .join("\n");
}

/** What others wrote must not steer the terminal, nor turn a line around. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]+/gu, " ");
}

/** A line that a program wrote, with pictures in the place of what would steer the terminal; tabs stay. */
export function inert(line: string): string {
  return line.replaceAll(/(?!\t)[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (control) => {
    const code = control.charCodeAt(0);
    return code < 0x20 ? String.fromCodePoint(0x2400 + code) : "\u2421";
  });
}
