import { setTimeout as delay } from "node:timers/promises";
import { listPlaceWorkers } from "@berth/core/db/place-workers";
import { ensurePlace } from "@berth/core/db/places";
import { expect, inject, it, onTestFinished, vi } from "vitest";
import { createRandom } from "../harness/random.js";
import { fleetEnvironment, startFleet } from "../support/fleet.js";
import { BUSYBOX_IMAGE } from "../support/images.js";
import { startProcess, type TestProcess } from "../support/worker-process.js";
import { type Host, lookAt, openHost } from "./hosts.js";
import { mixedLoad } from "./load.js";

// The run that the places were built for: BERTH_TEST_PLACES_WORKSPACES=200 npx vitest run test/places/two-daemons.long
const WORKSPACES = Number(process.env["BERTH_TEST_PLACES_WORKSPACES"] ?? "12");
const FAULT_EVERY_MS = [3_000, 6_000] as const;
const SETTINGS = {
  BERTH_BACKENDS: "docker",
  BERTH_CONCURRENCY: "6",
  BERTH_STOP_GRACE_MS: "500",
  BERTH_CALL_TIMEOUT_MS: "20000",
  BERTH_START_TIMEOUT_MS: "30000",
  BERTH_DOCKER_NETWORK: "none",
  BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "2000",
  BERTH_SWEEP_REMOVED_INSTANCES_EVERY_MS: "2000",
  BERTH_SWEEP_DOCKER_ORPHANS_EVERY_MS: "2000",
  BERTH_RESTART_DEBOUNCE_MS: "0",
  BERTH_AUTO_RESTART_LIMIT: "1000",
  BERTH_LEAK_GRACE_MS: "10000",
  BERTH_LEAK_SECOND_SIGHTING_MS: "2000",
  BERTH_RETRY_ATTEMPTS: "20",
};
const SPEC = { image: BUSYBOX_IMAGE, command: ["sleep", "3600"], readiness: "running" as const };

it(`two daemons whose workers see one each, ${WORKSPACES} workspaces and ${10 * WORKSPACES} operations, while workers and daemons are killed: nothing overlaps, nothing that runs is called gone, nothing is left (I1, I4, I12)`, async () => {
  const redisUrl = inject("redis").url;
  const fleet = await startFleet({ redisUrl, env: SETTINGS });
  onTestFinished(() => fleet.close());
  const { pool } = fleet;
  const hosts = [await openHost("docker-a"), await openHost("docker-b")] as const;
  for (const { place } of hosts) await ensurePlace(pool, { name: place, backend: "docker" });
  const start = (place: string, { socketPath }: Host) =>
    startProcess(
      new URL("./docker-worker-entry.ts", import.meta.url),
      fleetEnvironment(fleet.database.url, redisUrl, { ...SETTINGS, DOCKER_HOST: `unix://${socketPath}` }),
      [place],
    );
  const workers = new Map<string, TestProcess>();
  const startWorker = (host: Host) => workers.set(host.place, start(host.place, host));
  for (const host of hosts) startWorker(host);
  await vi.waitFor(async () =>
    expect((await listPlaceWorkers(pool, 60_000)).map(({ state }) => state)).toEqual([
      "confirmed",
      "confirmed",
    ]),
  );
  // One that is set to the place of the one and reaches the other: it may touch nothing.
  const strayed = start(hosts[0].place, hosts[1]);
  onTestFinished(async () => {
    await strayed.kill();
    for (const worker of workers.values()) await worker.kill();
  });

  const random = createRandom(13, "two daemons");
  const over = new AbortController();
  const wrong = new Set<string>();
  const watching = (async () => {
    while (!over.signal.aborted) {
      for (const what of await lookAt(pool, hosts)) wrong.add(what);
      await delay(300);
    }
  })();
  const load = mixedLoad(fleet, random, {
    workspaces: WORKSPACES,
    places: hosts.map(({ place }) => place),
    input: { backend: "docker", spec: SPEC },
  });
  const kills = { workers: 0, daemons: 0 };
  const harm = async () => {
    const host = random.pick(hosts);
    if (kills.workers <= 2 * kills.daemons) {
      await workers.get(host.place)!.kill();
      startWorker(host);
      // On a busy machine it takes a while: none is killed before it has worked.
      await workers.get(host.place)!.said(/^worker ready$/m);
      kills.workers++;
    } else {
      await host.crash();
      kills.daemons++;
    }
  };
  const work = load.run(10 * WORKSPACES);
  await Promise.all([work, load.breaking(FAULT_EVERY_MS, harm, work)]);
  await load.removeAll();
  await vi.waitFor(
    async () => {
      const left = (await Promise.all(hosts.map((host) => host.left()))).flat();
      const { rows } = await pool.query("select id from resources where state <> 'gone'");
      expect([left, rows, await load.backlog()]).toEqual([[], [], 0]);
    },
    { timeout: 200_000, interval: 1_000 },
  );
  over.abort();
  await watching;
  expect([...wrong]).toEqual([]);
  expect(kills.workers).toBeGreaterThan(0);
  expect(kills.daemons).toBeGreaterThan(0);
  const { rows } = await pool.query<{ state: string; n: number }>(
    "select state, count(*)::int as n from operations group by 1 order by 1",
  );
  console.info(`${JSON.stringify(rows)}, killed: ${JSON.stringify(kills)}`);
}, 3_600_000);
