import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "@berth/core/db/pool";
import { getPlace } from "@berth/core/db/places";
import { expect, inject, it, onTestFinished, vi } from "vitest";
import { openEc2Fleet, type Ec2Fleet } from "../compute/ec2/fleet.js";
import { createRandom } from "../harness/random.js";
import { fleetEnvironment } from "../support/fleet.js";
import { startProcess, type TestProcess } from "../support/worker-process.js";
import { mixedLoad } from "./load.js";

// The run that the places were built for: BERTH_TEST_PLACES_WORKSPACES=200 npx vitest run test/places/three-regions.long
const WORKSPACES = Number(process.env["BERTH_TEST_PLACES_WORKSPACES"] ?? "12");
const KILL_EVERY_MS = [3_000, 6_000] as const;
const OTHER_ACCOUNT = "210987654321";
/** Account, Region and profile of each place. */
const PLACES = {
  ec2: { account: "123456789012", region: "eu-west-1", profile: "default" },
  us: { account: "123456789012", region: "us-east-1", profile: "default" },
  theirs: { account: OTHER_ACCOUNT, region: "us-east-1", profile: "other" },
} as const;
type Name = keyof typeof PLACES;
const NAMES = Object.keys(PLACES) as Name[];
/** One worker for all; and beside it workers of different Regions. */
const WORKERS = { all: NAMES, one: ["ec2"], other: ["us", "theirs"] } as const;
const SETTINGS = {
  BERTH_BACKENDS: "ec2",
  BERTH_CONCURRENCY: "6",
  BERTH_STOP_GRACE_MS: "100",
  BERTH_EC2_SETTLE_MS: "400",
  BERTH_EC2_ABSENCE_MS: "300",
  BERTH_EC2_API_PERCENT: "100",
  BERTH_RESTART_DEBOUNCE_MS: "0",
  BERTH_AUTO_RESTART_LIMIT: "1000",
  BERTH_RETRY_ATTEMPTS: "20",
  BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "2000",
  BERTH_SWEEP_REMOVED_INSTANCES_EVERY_MS: "2000",
  BERTH_SWEEP_LEAKED_INSTANCES_EVERY_MS: "2000",
  BERTH_LEAK_GRACE_MS: "10000",
  BERTH_LEAK_SECOND_SIGHTING_MS: "2000",
  BERTH_SWEEPS_PAUSED: "",
};

it(`three Regions in two accounts, a worker for all and workers of some, ${WORKSPACES} workspaces and ${10 * WORKSPACES} operations, while workers are killed: nothing overlaps, nothing that runs is called gone, nothing is left (I1, I4, I12)`, async () => {
  const directory = await mkdtemp(join(tmpdir(), "three-regions-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const fleet = await openEc2Fleet({
    workers: 0,
    env: SETTINGS,
    server: { accounts: { AKIAOTHER: OTHER_ACCOUNT } },
  });
  const profile = (name: string, key: string) =>
    `[${name}]\naws_access_key_id = ${key}\naws_secret_access_key = none\n`;
  const credentials = join(directory, "credentials");
  await writeFile(credentials, profile("default", "AKIAONE") + profile("other", "AKIAOTHER"));
  const overlaps = watchOverlaps(fleet);
  const workers = new Map<string, TestProcess>();
  const start = async (name: keyof typeof WORKERS) => {
    const reached = WORKERS[name].map((place) => {
      const { region, profile: of } = PLACES[place];
      const fields = { backend: "ec2", endpoint: fleet.lab.url, image: "ami-00000000000000000" };
      return [place, { ...fields, region, profile: of }];
    });
    const file = join(directory, `${name}.json`);
    await writeFile(file, JSON.stringify({ places: Object.fromEntries(reached) }));
    const env = {
      ...SETTINGS,
      LOG_LEVEL: "info",
      BERTH_PLACES_FILE: file,
      AWS_SHARED_CREDENTIALS_FILE: credentials,
      AWS_CONFIG_FILE: join(directory, "none"),
    };
    const main = new URL("../../apps/worker/src/main.ts", import.meta.url);
    // As a supervisor does: on a busy machine one may end because PostgreSQL didn't answer in time.
    for (let started = false; !started;) {
      const worker = startProcess(main, fleetEnvironment(fleet.database.url, inject("redis").url, env));
      workers.set(name, worker);
      started = await worker.said(/worker started/).then(
        () => true,
        () => false,
      );
    }
  };
  onTestFinished(async () => void (await Promise.all([...workers.values()].map((worker) => worker.kill()))));
  for (const name of Object.keys(WORKERS) as (keyof typeof WORKERS)[]) await start(name);
  await vi.waitFor(async () => {
    const found = await Promise.all(NAMES.map((name) => getPlace(fleet.pool, name)));
    expect(found.map((place) => place?.identity)).toEqual(
      Object.values(PLACES).map(({ account, region }) => `aws:${account}:${region}`),
    );
  });

  const wrong = new Set<string>();
  const over = new AbortController();
  onTestFinished(() => over.abort());
  const watching = (async () => {
    while (!over.signal.aborted) {
      for (const what of await lookAt(fleet.pool, fleet)) wrong.add(what);
      await delay(300);
    }
  })();
  const random = createRandom(13, "three regions");
  const input = { backend: "ec2" as const, spec: { readiness: "running" as const } };
  const load = mixedLoad(fleet, random, { workspaces: WORKSPACES, places: NAMES, input });
  let kills = 0;
  const harm = async () => {
    const name = random.pick(Object.keys(WORKERS) as (keyof typeof WORKERS)[]);
    await workers.get(name)!.kill();
    await start(name);
    kills++;
  };
  const work = load.run(10 * WORKSPACES);
  await Promise.all([work, load.breaking(KILL_EVERY_MS, harm, work)]);
  await load.removeAll();
  await vi.waitFor(
    async () => {
      const { rows } = await fleet.pool.query("select id from resources where state <> 'gone'");
      expect([await fleet.left(), rows, await load.backlog()]).toEqual([
        { instances: 0, volumes: 0, records: 0 },
        [],
        0,
      ]);
    },
    { timeout: 200_000, interval: 1_000 },
  );
  over.abort();
  await watching;
  expect([...wrong, ...overlaps()]).toEqual([]);
  expect(kills).toBeGreaterThan(0);
  const { rows } = await fleet.pool.query(
    "select place, state, count(*)::int as n from operations group by 1, 2 order by 1, 2",
  );
  expect(new Set(rows.map(({ place }) => place as string))).toEqual(new Set(NAMES));
  console.info(`${JSON.stringify(rows)}, workers killed: ${kills}`);
}, 3_600_000);

/** The ledger is read first: what it calls gone by then may be alive nowhere later. @returns what is wrong, in words */
async function lookAt(pool: Pool, { lab }: Ec2Fleet): Promise<string[]> {
  const { rows } = await pool.query<{ id: string; place: Name; gone: boolean }>(
    "select id, place, state = 'gone' as gone from resources where kind = 'instance'",
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  lab.sim.world.schedule.settle();
  return lab.sim.regions().flatMap(({ account, name, instances }) =>
    [...instances.values()].flatMap(({ id, state, tags }) => {
      const row = byId.get(tags.get("berth:resource") ?? "");
      if (row === undefined || state === "terminated") return [];
      const meant = PLACES[row.place];
      const where = `${id} (${state}) is in ${account} ${name}`;
      if (meant.account !== account || meant.region !== name) return [`${where}, and of place ${row.place}`];
      return row.gone ? [`${where}, and gone in the ledger`] : [];
    }),
  );
}

/** By the provider's own word. @returns who was made before the instance before it was gone (I1) */
function watchOverlaps({ lab: { sim } }: Ec2Fleet): () => string[] {
  const lives = new Map<string, { made: number; gone: number }>();
  let at = 0;
  const forget = sim.watch(({ id, from, to }) => {
    if (!id.startsWith("i-")) return;
    at++;
    if (from === null) lives.set(id, { made: at, gone: Infinity });
    if (to === "terminated") lives.get(id)!.gone = at;
  });
  return () => {
    forget();
    const byWorkspace = new Map<string, string[]>();
    for (const { instances } of sim.regions())
      for (const { id, tags } of instances.values()) {
        const workspace = tags.get("berth:workspace") ?? "nobody";
        byWorkspace.set(workspace, [...(byWorkspace.get(workspace) ?? []), id]);
      }
    expect(byWorkspace.size).toBeGreaterThan(WORKSPACES / 2);
    return [...byWorkspace].flatMap(([workspace, ids]) => {
      const inTurn = ids.map((id) => lives.get(id)!).toSorted((a, b) => a.made - b.made);
      const beside = inTurn.some((life, n) => n > 0 && inTurn[n - 1]!.gone > life.made);
      return beside ? [`instances of ${workspace} overlap`] : [];
    });
  };
}
