import type { Result } from "./case.js";
import { judge, rowsOf, type Row } from "./rows.js";

const number = (value: number): string => {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
};
const line = (...cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** Every target with the figure: the short table, of the README and at the top of the results. */
export function targetsTable(results: readonly Result[]): string {
  const rows = results.flatMap((result) =>
    judge(result).map(({ target, figure, met }) => {
      const wanted = target.least === undefined ? `≤ ${target.most}` : `≥ ${target.least}`;
      const seen = figure === null ? "no figure" : number(figure);
      return line(target.what, wanted, seen, met ? "yes" : `no${target.limit ? `: ${target.limit}` : ""}`);
    }),
  );
  return [line("what", "target", "measured", "met"), line("---", "---", "---", "---"), ...rows].join("\n");
}

/** All results as one page. */
export function resultsPage(results: readonly Result[]): string {
  return (
    "# Results\n\nMade by `npm run bench`; don't edit. How it is measured: [benchmarks](../benchmarks.md). Figures are medians of all rounds, " +
    "and in brackets the least and the most. Compare what stands in one table, not with another machine. Where a promise " +
    `was broken there is no figure.\n\n## Targets\n\n${targetsTable(results)}\n\n` +
    `${results.map(section).join("\n\n")}\n`
  );
}

function section(result: Result): string {
  const { name, title, what, date, machine, load, rounds, versions } = result;
  const software = Object.entries(versions).map(([of, version]) => `${of} ${version}`);
  return (
    `## ${title}\n\n\`npm run bench -- ${name}\`. ${what}\n\n![${title}](${name}.svg)\n\n${table(result)}\n\n` +
    `${date}, ${rounds.length} round(s), ${machine}, load ${load} as it began; ${software.join(", ")}.`
  );
}

function table(result: Result): string {
  const rows = rowsOf(result);
  const columns = [...new Set(rows.flatMap(({ more }) => Object.keys(more)))];
  const reference = rows.find(({ subject }) => subject === result.reference)?.value ?? null;
  const lines = rows.map((row) =>
    line(
      row.subject,
      row.value === null
        ? `no figure: ${row.broken.join(", ").replaceAll("|", "/").slice(0, 200)}`
        : `${number(row.value)} (${row.spread.map(number).join(" to ")})`,
      row.value === null || reference === null ? "" : number(row.value / reference),
      ...columns.map((column) => (row.more[column] === undefined ? "" : number(row.more[column]))),
    ),
  );
  const head = line("", result.unit, `× ${result.reference}`, ...columns);
  return [head, line(...Array.from({ length: 3 + columns.length }, () => "---")), ...lines].join("\n");
}

const ROW = 26;
const [LEFT, WIDTH] = [270, 300];

/** Bars, ours in a colour of their own. */
export function picture(result: Result): string {
  const rows = rowsOf(result);
  const most = Math.max(Number.MIN_VALUE, ...rows.map(({ value }) => value ?? 0));
  const height = 46 + rows.length * ROW;
  const better = result.better === "more" ? "more is better" : "less is better";
  const bars = rows.map((row, n) => bar(row, n, most)).join("");
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="680" height="${height}" font-family="sans-serif" font-size="12">` +
    `<rect width="680" height="${height}" fill="#fff"/><text x="12" y="20" font-weight="bold">${escaped(result.title)}: ` +
    `${escaped(result.unit)}, ${better}</text>${bars}</svg>\n`
  );
}

function bar({ subject, value }: Row, n: number, most: number): string {
  const y = 36 + n * ROW;
  const width = ((value ?? 0) / most) * WIDTH;
  const colour = subject.startsWith("Berth") ? "#1f6feb" : "#8b949e";
  const text = value === null ? "no figure" : number(value);
  return (
    `<text x="${LEFT - 8}" y="${y + 13}" text-anchor="end">${escaped(subject)}</text>` +
    `<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="18" fill="${colour}"/>` +
    `<text x="${(LEFT + 6 + width).toFixed(1)}" y="${y + 13}">${text}</text>`
  );
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
