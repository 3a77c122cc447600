import { readFileSync } from "node:fs";
import { collectDefaultMetrics, type Registry } from "prom-client";
import { longestWait, type Pool } from "../db/pool.js";
import { figuresOf } from "./figures.js";

/** What every process tells of itself: Node's own figures, its version and role, its pools of connections. */
export function measureProcess(
  registry: Registry,
  { role, pools }: { role: string; pools: () => Readonly<Record<string, Pool>> },
): void {
  collectDefaultMetrics({ register: registry });
  const { gauge, scraped } = figuresOf(registry);
  gauge(
    "berth_build_info",
    "1, with the version of this process, its part and its Node.",
    "version",
    "part",
    "node",
  ).set({ version: versionOf(), part: role, node: process.versions.node }, 1);
  const each = (read: (pool: Pool, name: string) => void): void => {
    for (const [name, pool] of Object.entries(pools())) read(pool, name);
  };
  scraped("berth_pool_connections", "Connections to PostgreSQL, by what they do.", ["pool", "state"], (one) =>
    each((pool, name) => {
      one.set({ pool: name, state: "busy" }, pool.totalCount - pool.idleCount);
      one.set({ pool: name, state: "idle" }, pool.idleCount);
    }),
  );
  scraped("berth_pool_connections_max", "As many connections may be open.", ["pool"], (one) =>
    each((pool, name) => one.set({ pool: name }, pool.options.max)),
  );
  scraped("berth_pool_waiting", "Statements that wait for a connection.", ["pool"], (one) =>
    each((pool, name) => one.set({ pool: name }, pool.waitingCount)),
  );
  scraped(
    "berth_pool_longest_wait_seconds",
    "Of those that wait now, for how long the first has.",
    ["pool"],
    (one) => each((pool, name) => one.set({ pool: name }, longestWait(pool) / 1_000)),
  );
}

/** As package.json has it. */
function versionOf(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
