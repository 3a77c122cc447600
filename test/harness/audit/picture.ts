import type { RunRecord, Sample } from "./record.js";

const WIDTH = 1200;
const LEFT = 210;
const LANE = 18;
const CURVE = 120;
const COLORS: Readonly<Record<string, string>> = {
  kill: "#b3261e",
  "kill-at-step": "#d9534f",
  freeze: "#4f7cac",
  network: "#7b5ea7",
  redis: "#d9822b",
  postgres: "#1f6f54",
  provider: "#8a6d3b",
  docker: "#2a7f9e",
  strike: "#333333",
  disk: "#a6761d",
  clock: "#666699",
};

/** The faults over time, what waited and what was still owed: an SVG. */
export function pictureOf({ about, faults, samples }: RunRecord): string {
  const end = about.endedAt;
  const x = (at: number) => LEFT + ((at - about.startedAt) / (end - about.startedAt)) * (WIDTH - LEFT - 20);
  const kinds = Object.keys(COLORS);
  const top = 30 + kinds.length * LANE;
  const curves = [
    { name: "operations that wait or run", of: (one: Sample) => one.queued + one.running, color: "#1f4e9c" },
    { name: "open obligations", of: (one: Sample) => one.obligations, color: "#b3261e" },
    { name: "workspaces in between", of: (one: Sample) => one.unsettled, color: "#8a6d3b" },
  ];
  const parts = [
    ...kinds.map((kind, lane) => text(4, 42 + lane * LANE, kind)),
    ...faults.map(({ at, until, what, fault }) => {
      const y = 30 + kinds.indexOf(fault.kind) * LANE;
      const width = Math.max(2, x(until) - x(at)).toFixed(1);
      return `<rect x="${x(at).toFixed(1)}" y="${y}" width="${width}" height="${LANE - 4}" fill="${COLORS[fault.kind] ?? "#999"}" opacity="0.75"><title>${escape(what)}</title></rect>`;
    }),
    ...curves.map((curve, n) => drawn(samples, curve, top + n * (CURVE + 30), x)),
    ...ticks(about, x, top + curves.length * (CURVE + 30)),
  ];
  const height = top + curves.length * (CURVE + 30) + 30;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11"><rect width="${WIDTH}" height="${height}" fill="#fff"/>${text(4, 16, `seed ${about.seed}: ${faults.length} faults; the line marks the end of the last one`)}<line x1="${x(about.faultsEndedAt).toFixed(1)}" x2="${x(about.faultsEndedAt).toFixed(1)}" y1="24" y2="${height - 24}" stroke="#1f6f54" stroke-dasharray="4 3"/>${parts.join("\n")}</svg>\n`;
}

function drawn(
  samples: readonly Sample[],
  { name, of, color }: { name: string; of: (one: Sample) => number; color: string },
  top: number,
  x: (at: number) => number,
): string {
  const most = Math.max(1, ...samples.map(of));
  const points = samples.map(
    (one) => `${x(one.at).toFixed(1)},${(top + CURVE - (of(one) / most) * (CURVE - 16)).toFixed(1)}`,
  );
  return `${text(4, top + 20, name)}${text(LEFT - 24, top + 20, String(most))}<polyline points="${points.join(" ")}" fill="none" stroke="${color}" stroke-width="1.2"/><line x1="${LEFT}" x2="${WIDTH - 20}" y1="${top + CURVE}" y2="${top + CURVE}" stroke="#ccc"/>`;
}

function ticks(about: RunRecord["about"], x: (at: number) => number, y: number): string[] {
  const seconds = (about.endedAt - about.startedAt) / 1_000;
  const every = seconds > 240 ? 60 : 15;
  return Array.from({ length: Math.floor(seconds / every) + 1 }, (_, n) =>
    text(x(about.startedAt + n * every * 1_000), y, `${n * every} s`),
  );
}

function text(x: number, y: number, content: string): string {
  return `<text x="${x.toFixed(1)}" y="${y}">${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
