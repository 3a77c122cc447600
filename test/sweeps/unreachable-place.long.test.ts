import type { Backend } from "@berth/core/compute/backend";
import { BackendError } from "@berth/core/compute/backend-error";
import { SWEEP_NAMES, SWEEP_RULES } from "@berth/core/domain/sweep";
import { keepPlaces } from "@berth/core/places/keeper";
import { removeWorkspace } from "@berth/core/requests/delete";
import { requestRestart } from "@berth/core/requests/restart";
import { requestPause } from "@berth/core/requests/suspend";
import { SWEEPS } from "@berth/core/sweeps/all";
import { runSweep } from "@berth/core/sweeps/run";
import { expect, it, onTestFinished } from "vitest";
import { BY_TEST } from "../support/fleet.js";
import { createRecordedBackend, type RecordedBackend } from "../support/recorded-backend.js";
import { DEFAULT_CADENCE } from "./cadence.js";
import { openStage } from "./stage.js";

const STEP_MS = 15_000;
const BEGIN_MS = 600_000;
const HOUR_MS = 3_600_000;
const BACK_WITHIN_MS = 60_000;
/** So often an instance of the near place ends behind Berth's back: at every phase of the beat. */
const KILL_EVERY_MS = 285_000;
const KILLS = 12;
const AWAY = new BackendError("backend_unreachable", "transient", "connect ECONNREFUSED");

it("a place that is unreachable for an hour changes no other's heal times, and its own work is done within 60 s after it is back (I7, I14, I15)", async () => {
  const usual = await nearHealTimes(await openTwoPlaces());
  const scene = await openTwoPlaces();
  const { stage, step, now, far } = scene;
  const make = async () => (await stage.online({ place: "far" })).id;
  const [dead, dies, restarted, paused, deleted] = [
    await make(),
    await make(),
    await make(),
    await make(),
    await make(),
  ];
  // One is found dead just before, so that what Berth begins for it by itself fails again and again.
  far.launches = false;
  await stage.kill((await stage.workspace(dead)).instance_id!);
  while ((await stage.workspace(dead)).restart_tries === 0) await step();
  far.isUp = false;
  await stage.kill((await stage.workspace(dies)).instance_id!);
  await requestRestart(stage.deps, restarted, BY_TEST);
  await requestPause(stage.deps, paused, BY_TEST);
  await removeWorkspace(stage.deps, deleted, { cascade: false, ...BY_TEST });

  const meanwhile = await nearHealTimes(scene);
  if (process.env.BERTH_TEST_VERBOSE) console.info(`back online after, in ms: ${meanwhile.join(", ")}`);
  expect(meanwhile).toHaveLength(KILLS);
  expect(meanwhile).toEqual(usual);
  const nextTryMs = async () =>
    (await stage.workspace(dead)).next_restart_at!.getTime() - (await stage.time.now()).getTime();
  while ((await nextTryMs()) < 2 * BACK_WITHIN_MS) await step();

  far.isUp = far.launches = true;
  const backAt = now();
  const left = async () => {
    const rows = await Promise.all([dead, dies, restarted, paused, deleted].map(stage.workspace));
    const { rows: owed } = await stage.pool.query("select 1 from resources where state = 'releasing'");
    // What a person asked for has failed, and has left things as they were.
    const wanted = ["online", "online", "online", "online", "removed"];
    const isNew = rows[0]!.generation > 1 && rows[1]!.generation > 1;
    return {
      isDone: isNew && owed.length === 0 && rows.every(({ status }, n) => status === wanted[n]),
      rows,
    };
  };
  while (!(await left()).isDone) {
    expect(now() - backAt, JSON.stringify((await left()).rows)).toBeLessThan(BACK_WITHIN_MS);
    await step();
  }
}, 900_000);

/** Two places of one worker, `process` and `far`, on the default cadence in virtual time. */
async function openTwoPlaces() {
  const stage = await openStage({ BERTH_RETRY_ATTEMPTS: "5" });
  onTestFinished(() => stage.close());
  const { pool, deps } = stage;
  const far = unpluggable(await createRecordedBackend(pool, {}, "berth-far"));
  const backends = new Map<string, Backend>([
    ["process", stage.backend],
    ["far", far.backend],
  ]);
  const places = keepPlaces({ pool, worker: "stage/p1", backends, first: new Map(), logger: deps.logger });
  onTestFinished(() => places.close());
  await places.start({ onServed: () => undefined, onBack: () => undefined });
  // All act through what the worker serves, guarded, as its own do.
  const acting = deps.backends as Map<string, Backend>;
  acting.clear();
  for (const [name, backend] of places.served) acting.set(name, backend);
  let at = 0;
  return {
    stage,
    far,
    now: () => at,
    async step() {
      await stage.time.advance(STEP_MS);
      at += STEP_MS;
      await places.look();
      for (const name of SWEEP_NAMES) {
        if (at % DEFAULT_CADENCE[name] >= STEP_MS) continue;
        const sweep = SWEEPS.find((one) => one.name === name)!;
        for (const place of SWEEP_RULES[name].perPlace ? acting.keys() : [null]) {
          const only = place === null ? acting : new Map([[place, acting.get(place)!]]);
          await runSweep(sweep, { ...deps, backends: only }, "stage", null, place).catch(() => undefined);
        }
      }
      await stage.settle();
    },
  };
}

/** An hour in which instances of the near place end. @returns after how many ms each of them was back online */
async function nearHealTimes({ stage, step, now }: Awaited<ReturnType<typeof openTwoPlaces>>) {
  const near: string[] = [];
  for (let n = 0; n < KILLS; n++) near.push((await stage.online({ place: "process" })).id);
  while (now() < BEGIN_MS) await step();
  const backAfter: number[] = [];
  const deadAt = new Map<string, number>();
  for (let n = 0; now() < BEGIN_MS + HOUR_MS;) {
    if (now() - BEGIN_MS >= n * KILL_EVERY_MS && n < KILLS) {
      const id = near[n++]!;
      await stage.kill((await stage.workspace(id)).instance_id!);
      deadAt.set(id, now());
    }
    await step();
    for (const [id, since] of deadAt) {
      const { status, generation } = await stage.workspace(id);
      if (status !== "online" || generation === 1) continue;
      backAfter.push(now() - since);
      deadAt.delete(id);
    }
  }
  return backAfter;
}

/** A provider that can be away: whatever it is asked fails then. `launches` false: only what would start something. */
function unpluggable(backend: RecordedBackend) {
  const there = { isUp: true, launches: true };
  const asked =
    <Args extends unknown[], T>(ask: (...args: Args) => Promise<T>, can = () => true) =>
    (...args: Args): Promise<T> =>
      there.isUp && can() ? ask(...args) : Promise.reject(AWAY);
  const { identify, createVolume, removeVolume, launch, stop, probe, listOwned } = backend;
  const reach: Backend = {
    ...backend,
    identify: asked(identify),
    createVolume: asked(createVolume),
    removeVolume: asked(removeVolume),
    launch: asked(launch, () => there.launches),
    stop: asked(stop),
    probe: asked(probe),
    listOwned: asked(listOwned),
  };
  return Object.assign(there, { backend: reach });
}
