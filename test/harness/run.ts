import { setMaxListeners } from "node:events";
import { rmSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { endLeakedProcesses } from "../support/leaked-processes.js";
import { unmountAllUnder } from "../support/process-tree.js";
import { audit, type Verdict } from "./audit/audit.js";
import { collect } from "./audit/collect.js";
import { pictureOf } from "./audit/picture.js";
import type { RunRecord } from "./audit/record.js";
import { reportOf } from "./audit/report.js";
import { describe, type PlannedFault } from "./faults/fault.js";
import { inflict } from "./faults/inflict.js";
import { planFaults } from "./faults/plan.js";
import { runningAgents } from "./faults/strike.js";
import { WITHOUT_ROOT } from "./fleet/root.js";
import { type Fleet, startFleet } from "./fleet/fleet.js";
import { PLACES } from "./fleet/places.js";
import { AGENT_SILENT_MS } from "./fleet/settings.js";
import { openJournal } from "./journal.js";
import { createCaller } from "./load/caller.js";
import { runClient } from "./load/client.js";
import { runHostile } from "./load/hostile.js";
import { operate } from "./load/operator.js";
import { makeTenants, watchTenant } from "./load/tenants.js";
import { startListener } from "./listener.js";
import { createRandom } from "./random.js";
import { settle } from "./settle.js";
import { startSampler } from "./sampler.js";

export interface RunOptions {
  seed: number;
  /** Of faults; the run ends some minutes later at most. */
  faultsMs: number;
  clients: number;
  /** Redis is a primary and a replica, watched by three Sentinels. Default: one alone. */
  sentinel?: boolean;
  /** Clients are two tenants', and a third one means ill. */
  hostile?: boolean;
  /** As `noRoot` says. */
  withoutRoot: string | null;
  /** The folder with the built `apps`. */
  checkout: string;
  command: string;
  /** Where the report goes; null: nowhere. */
  reportDirectory: string | null;
  say(line: string): void;
}

export interface RunResult {
  record: RunRecord;
  verdicts: Verdict[];
  violations: number;
  report: string;
}

/** How long it may take to settle before the auditor looks at what there is. */
const PATIENCE_MS = 180_000;
const WORKSPACES_EACH = 5;

/** Starts a whole Berth, breaks it under load, lets it settle, and audits it from outside. */
export async function runChaos(options: RunOptions): Promise<RunResult> {
  const before = process.env.TMPDIR;
  const root = await mkdtemp(join(before ?? "/tmp", "berth-chaos-"));
  await chmod(root, 0o711);
  // Inherited by all that is started: by this a run's processes are known.
  process.env.TMPDIR = root;
  const endAll = () => {
    endLeakedProcesses(root);
    if (process.platform === "linux") unmountAllUnder(root);
    rmSync(root, { recursive: true, force: true });
  };
  process.once("exit", endAll);
  try {
    return await runIn(root, options);
  } finally {
    endAll();
    process.off("exit", endAll);
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}

async function runIn(root: string, options: RunOptions): Promise<RunResult> {
  const { seed, say } = options;
  const [records, logs] = [join(root, "records"), join(root, "logs")];
  await mkdir(records);
  await mkdir(logs);
  const [agentsFile, secretsFile] = [join(records, "agents.jsonl"), join(root, "secrets")];
  const journal = openJournal(join(records, "harness.jsonl"));
  const providerFile = join(records, "provider.jsonl");
  const fleet = await startFleet({
    root,
    seed,
    logs,
    providerFile,
    docker:
      options.withoutRoot === null
        ? { agentsFile, secretsFile, eventsFile: join(records, "docker.jsonl") }
        : null,
    sentinel: options.sentinel ?? false,
    checkout: options.checkout,
    journal,
  });
  const sampler = startSampler(fleet, journal);
  const listener = startListener(fleet, journal);
  const giveUp = new AbortController();
  setMaxListeners(0, giveUp.signal);
  try {
    const startedAt = Date.now();
    if (fleet.docker !== null) void operate(fleet, giveUp.signal);
    const plan = planFaults(seed, options.faultsMs, {
      apis: [...fleet.programs.keys()].filter((name) => name.startsWith("api")),
      workers: [...fleet.programs.keys()].filter((name) => name.startsWith("worker")),
      links: [...fleet.links.keys()],
      disks: [...fleet.disks.keys()],
      clocks: fleet.clocks === null ? [] : [...fleet.programs.keys(), "postgres"],
      docker: fleet.docker !== null,
    });
    if (options.withoutRoot !== null) say(`Without ${WITHOUT_ROOT}: ${options.withoutRoot}.`);
    for (const one of plan) say(scheduled(one));
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const tenants = options.hostile === true ? await makeTenants(fleet) : null;
    const sides = (tenants === null ? [fleet.adminKey] : [tenants.red, tenants.blue]).map((key) => ({
      key,
      shared: { id: null },
    }));
    const clients = Array.from({ length: options.clients }, (_, n) =>
      runClient({
        client: `client-${n + 1}`,
        seed,
        most: WORKSPACES_EACH,
        apiUrls: fleet.apiUrls,
        adminKey: sides[n % sides.length]!.key,
        journal: openJournal(join(records, `client-${n + 1}.jsonl`)),
        agentsFile,
        secretsFile,
        containerEnv: fleet.docker?.agentEnv ?? null,
        places: Object.keys(PLACES),
        shared: sides[n % sides.length]!.shared,
        stop: stop.signal,
        signal: giveUp.signal,
      }),
    );
    // What the others' times are without it is seen first.
    const attackedAt = tenants === null ? null : Date.now() + options.faultsMs / 2;
    const illWill =
      tenants === null
        ? null
        : delay(options.faultsMs / 2).then(() =>
            runHostile({
              apiUrls: fleet.apiUrls,
              key: tenants.grey,
              hangingImage: fleet.docker?.hangingImage ?? null,
              random: createRandom(seed, "hostile"),
              stop: stop.signal,
            }),
          );
    for (const [tenant, key] of Object.entries(tenants ?? {}))
      void watchTenant({ apiUrls: fleet.apiUrls, tenant, key, journal }, stop.signal);
    const call = createCaller({
      client: "puller",
      apiUrls: fleet.apiUrls,
      adminKey: fleet.adminKey,
      journal: openJournal(join(records, "client-puller.jsonl")),
      random: createRandom(seed, "puller"),
      signal: giveUp.signal,
    });
    await Promise.all([
      inflict({ fleet, sampler, journal, agentsMark: root, call }, plan, giveUp.signal),
      delay(options.faultsMs),
    ]);
    const faultsEndedAt = Date.now();
    stop.abort();
    await Promise.race([
      Promise.all(clients.map(({ asked }) => asked)),
      delay(60_000, undefined, { ref: false }),
    ]);
    const ill = await illWill;
    if (ill !== null)
      say(`The hostile tenant asked ${ill.asked} times, and was refused ${ill.refused} times.`);
    const settledAt = await settle(fleet, sampler, faultsEndedAt + PATIENCE_MS, say);
    const processes = { running: await runningAgents(root), volumes: await volumesIn(root, fleet) };
    // Agents go on beating meanwhile: where they fell silent, what is read last would show the restarts that follow.
    const record = await collect({
      about: {
        seed,
        command: options.command,
        deployment: fleet.deployment,
        agentSilentMs: AGENT_SILENT_MS,
        places: PLACES,
        withoutRoot: options.withoutRoot,
        startedAt,
        attackedAt,
        faultsEndedAt,
        settledAt,
        endedAt: Date.now(),
      },
      directory: records,
      databaseUrl: fleet.databaseUrl,
      simulatorUrl: fleet.simulatorUrl,
      processes,
      docker: fleet.docker,
      open: [logs, records, join(fleet.redis.directory, "appendonlydir")],
      secrets: [...fleet.secrets, ...tokensIn(await readFile(secretsFile, "utf8").catch(() => ""))],
    });
    giveUp.abort();
    await Promise.all(clients.map(({ ended }) => ended));
    const verdicts = audit(record);
    const report = reportOf(record, verdicts);
    if (options.reportDirectory !== null) await save(options.reportDirectory, report, record, logs);
    return {
      record,
      verdicts,
      violations: verdicts.reduce((sum, one) => sum + one.violations.length, 0),
      report,
    };
  } finally {
    giveUp.abort();
    await listener.close();
    await sampler.close();
    await fleet.close();
    journal.close();
  }
}

async function volumesIn(root: string, { deployment }: Fleet): Promise<string[]> {
  const names = await readdir(join(root, "data", "process", deployment, "volumes")).catch(() => []);
  return names.map((name) => name.replace(/^ws-/, ""));
}

function tokensIn(text: string): string[] {
  return [...new Set(text.split("\n").filter((line) => line.length >= 16))];
}

async function save(directory: string, report: string, record: RunRecord, logs: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "report.md"), report);
  await writeFile(join(directory, "timeline.svg"), pictureOf(record));
  await writeFile(join(directory, "record.json"), JSON.stringify(record));
  for (const name of await readdir(logs))
    await writeFile(join(directory, name), await readFile(join(logs, name)), { mode: 0o600 });
}

export function scheduled(fault: PlannedFault): string {
  const { at, forMs } = fault;
  return `${(at / 1_000).toFixed(1).padStart(6)} s  ${describe(fault)}${forMs === 0 ? "" : ` for ${(forMs / 1_000).toFixed(1)} s`}`;
}
