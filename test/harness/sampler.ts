import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { Fleet } from "./fleet/fleet.js";
import type { Journal } from "./journal.js";

const EVERY_MS = 250;

/** Who holds a workspace's gate, and how far it is. */
export interface GateView {
  workspace: string;
  head: number;
  fence: number;
}

/** Looks into the fleet from outside, four times a second, and writes down what it sees. */
export interface Sampler {
  /** Ends every connection that Berth has to the database. */
  cutConnections(): Promise<void>;
  /** The gates that a worker's process holds. */
  heldBy(pid: number): Promise<GateView[]>;
  /** What is still to be done; null while the database doesn't say. */
  open(): Promise<Open | null>;
  close(): Promise<void>;
}

export interface Open {
  queued: number;
  running: number;
  /** Rows of the ledger that aren't as they should stay. */
  obligations: number;
  /** Workspaces between two statuses. */
  unsettled: number;
}

const OPEN = `select
  (select count(*)::int from operations where state = 'queued') as queued,
  (select count(*)::int from operations where state = 'running') as running,
  (select count(*)::int from resources r join workspaces w on w.id = r.workspace_id
    where r.state = 'releasing'
      -- What a launch that failed may have made of its volume, the next one finds.
      or r.state = 'intended' and not (r.kind = 'volume' and w.status in ('failed', 'paused', 'hibernated'))
      or r.state = 'present' and w.status = 'removed') as obligations,
  (select count(*)::int from workspaces where status in ('provisioning', 'awaiting_agent', 'offline')) as unsettled`;
const GATES = "select workspace_id as workspace, head::int, fence::int, owner from gates";

export function startSampler(fleet: Fleet, journal: Journal): Sampler {
  const ending = new AbortController();
  const seen = new Map<string, string>();
  let last: (GateView & { owner: string | null })[] = [];

  const look = async () => {
    last = await ask<(typeof last)[number]>(fleet.databaseUrl, GATES);
    const changed = last.filter((gate) => seen.get(gate.workspace) !== JSON.stringify(gate));
    for (const gate of changed) seen.set(gate.workspace, JSON.stringify(gate));
    const [open] = await ask<Open>(fleet.databaseUrl, OPEN);
    journal.write({ type: "sample", at: Date.now(), ...open, gates: changed, rss: await memoryOf(fleet) });
  };
  const loop = (async () => {
    while (!ending.signal.aborted) {
      // The database is down: no sample.
      await look().catch(() => undefined);
      await delay(EVERY_MS, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  })();

  return {
    async cutConnections() {
      await ask(
        fleet.databaseUrl,
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'berth%'",
      );
    },
    async heldBy(pid) {
      const gates = await ask<(typeof last)[number]>(fleet.databaseUrl, GATES).catch(() => last);
      return gates
        .filter(({ owner }) => owner?.split("/")[1] === String(pid))
        .map(({ workspace, head, fence }) => ({ workspace, head, fence }));
    },
    open: () =>
      ask<Open>(fleet.databaseUrl, OPEN).then(
        ([open]) => open ?? null,
        () => null,
      ),
    async close() {
      ending.abort();
      await loop;
    },
  };
}

/** On a connection of its own: the database may have been ended since the last time. */
export async function ask<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 2_000,
    query_timeout: 5_000,
  });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

/** MB of each program that runs. */
async function memoryOf({ programs }: Fleet): Promise<Record<string, number>> {
  const of = async (pid: number | null) =>
    Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""))?.[1] ?? 0);
  const all = await Promise.all(
    [...programs.values()].map(async (one) => [one.name, Math.round((await of(one.pid())) / 1024)] as const),
  );
  return Object.fromEntries(all.filter(([, mb]) => mb > 0));
}
