import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { CASES, type CaseName, type Sample } from "./gate.js";
import { VERSIONS } from "./install.js";

const FOLDER = new URL("../../../docs/benchmarks/", import.meta.url);
const TITLES: Record<string, string> = {
  berth: "Berth",
  bullmq: "BullMQ without keys (the limit)",
  groupmq: "groupmq",
  pgboss: "pg-boss `key_strict_fifo`",
  dbos: "DBOS partitioned queue",
  graphile: "graphile-worker `queueName`",
};
/** What they keep is safe against the loss of power when the request is answered. */
const DURABLE = new Set(["berth", "pgboss", "dbos", "graphile"]);

type Samples = readonly { name: CaseName; system: string; round: number; sample: Sample | null }[];
interface Row {
  system: string;
  /** Null: a round broke a promise, or did not end. */
  perSecond: number | null;
  spread: readonly [number, number];
  cpu: Sample["cpu"];
  broken: string[];
  rounds: number;
}

/** Writes `gate.json`, a table, and a picture for each case. */
export async function writeReport(
  samples: Samples,
  systems: readonly string[],
  servers: Record<string, string>,
): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  const machine = {
    date: new Date().toISOString().slice(0, 10),
    cpu: `${cpus().length} × ${cpus()[0]?.model ?? "?"}`,
    versions: { Node: process.versions.node, ...servers, ...VERSIONS },
  };
  const names = [...new Set(samples.map(({ name }) => name))];
  const write = (name: string, text: string) => writeFile(fileURLToPath(new URL(name, FOLDER)), text);
  await write("gate.json", `${JSON.stringify({ ...machine, cases: CASES, samples }, null, 2)}\n`);
  const tables = await Promise.all(
    names.map(async (name) => {
      const rows = systems.map((system) => rowOf(name, system, samples));
      await write(`gate-${name}.svg`, picture(`(${name}) ${CASES[name].title}: operations a second`, rows));
      return `## (${name}) ${CASES[name].title}\n\n${CASES[name].jobs} operations over ${CASES[name].keys} key(s).\n\n![](gate-${name}.svg)\n\n${table(rows)}`;
    }),
  );
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  await write(
    "gate.md",
    `# The gate beside other queues\n\nMade by \`npm run bench\` on ${machine.date}: ${machine.cpu}; ${versions.join(", ")}. Compare what stands in one table, not with another machine.\n\n` +
      `Work that does nothing, from the request to its recorded end; ${LANES_SENTENCE} Producer, one worker, PostgreSQL (fsync on) and Redis (AOF each second) share the cores. Medians of all rounds, and from least to most.\n\n${tables.join("\n\n")}\n`,
  );
}
const LANES_SENTENCE = "30 ask at once, one after the other each.";

function rowOf(name: CaseName, system: string, samples: Samples): Row {
  const all = samples.filter((one) => one.name === name && one.system === system);
  const ended = all.flatMap(({ sample }) => (sample === null ? [] : [sample]));
  const rates = ended.map(({ perSecond }) => perSecond).toSorted((a, b) => a - b);
  const kinds = ["overlaps", "overtaken", "lost", "doubled"] as const;
  // Without keys it promises neither of the first two.
  const counted = system === "bullmq" ? kinds.slice(2) : kinds;
  const broken = counted
    .map((kind) => ({ kind, count: ended.reduce((sum, one) => sum + one[kind], 0) }))
    .filter(({ count }) => count > 0)
    .map(({ kind, count }) => `${count} ${kind}`);
  if (ended.length < all.length) broken.push(`${all.length - ended.length} round(s) did not end`);
  const of = (part: keyof Sample["cpu"]) => median(ended.map(({ cpu }) => cpu[part]));
  return {
    system,
    perSecond: broken.length > 0 || rates.length === 0 ? null : median(rates),
    spread: [rates[0] ?? 0, rates.at(-1) ?? 0],
    cpu: { producer: of("producer"), worker: of("worker"), postgres: of("postgres"), redis: of("redis") },
    broken,
    rounds: all.length,
  };
}

function table(rows: readonly Row[]): string {
  const berth = rows.find(({ system }) => system === "berth")?.perSecond ?? null;
  const lines = rows.map(({ system, perSecond, spread, cpu, broken }) => {
    const all = cpu.producer + cpu.worker + cpu.postgres + cpu.redis;
    const parts = [cpu.producer, cpu.worker, cpu.postgres, cpu.redis].map((ms) => ms.toFixed(2)).join(" + ");
    const rate =
      perSecond === null
        ? broken.join(", ")
        : `${Math.round(perSecond)} (${spread.map(Math.round).join(" to ")})`;
    const ratio = perSecond === null || berth === null ? "" : (berth / perSecond).toFixed(2);
    return `| ${TITLES[system]} | ${DURABLE.has(system) ? "yes" : "a second may be lost"} | ${rate} | ${ratio} | ${parts} = ${all.toFixed(2)} |`;
  });
  return [
    "| | durable | operations/s | Berth's share | CPU ms an operation: producer + worker + PostgreSQL + Redis |",
    "| --- | --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}

function picture(title: string, rows: readonly Row[]): string {
  const most = Math.max(1, ...rows.map(({ perSecond }) => perSecond ?? 0));
  const bars = rows.map(({ system, perSecond }, n) => {
    const [y, width] = [36 + n * 26, ((perSecond ?? 0) / most) * 330];
    const colour = system === "berth" ? "#1f6feb" : "#8b949e";
    const label = TITLES[system]!.replaceAll("`", "");
    const value = perSecond === null ? "broke a promise" : String(Math.round(perSecond));
    return `<text x="250" y="${y + 13}" text-anchor="end">${label}</text><rect x="258" y="${y}" width="${width.toFixed(1)}" height="18" fill="${colour}"/><text x="${(264 + width).toFixed(1)}" y="${y + 13}">${value}</text>`;
  });
  const height = 46 + rows.length * 26;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="680" height="${height}" font-family="sans-serif" font-size="12"><rect width="680" height="${height}" fill="#fff"/><text x="12" y="20" font-weight="bold">${title}</text>${bars.join("")}</svg>\n`;
}

function median(list: readonly number[]): number {
  const sorted = list.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
