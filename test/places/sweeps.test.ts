import { livenessOfSweeps } from "@berth/core/sweeps/state";
import { getWorkspace } from "@berth/core/db/workspaces";
import { ensurePlace } from "@berth/core/db/places";
import { expect, it, vi } from "vitest";
import { openScene } from "./scene.js";

const EVERY_MS = 300;

it("a place that doesn't answer stops its own sweeps and no other's, and is caught up with when it is back (I15)", async () => {
  const scene = await openScene({
    BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: String(EVERY_MS),
    BERTH_RESTART_DEBOUNCE_MS: "0",
  });
  const [a, b] = [await scene.machine(), await scene.machine()];
  await ensurePlace(scene.pool, { name: "machine-b", backend: "process" });
  // One worker for both; what it asks of the one hangs until further notice.
  const slow = b.open();
  let hanging: Promise<void> | null = null;
  const probe = slow.probe.bind(slow);
  slow.probe = async (instances, call) => {
    await hanging;
    return probe(instances, call);
  };
  scene.startWorker({
    backends: new Map([
      ["process", a.open()],
      ["machine-b", slow],
    ]),
  });
  const mine = await scene.online();
  const theirs = await scene.online({ place: "machine-b" });
  let release = (): void => undefined;
  hanging = new Promise((resolve) => (release = resolve));
  const healed = async (id: string, generation: number) =>
    vi.waitFor(
      async () => expect(await getWorkspace(scene.pool, id)).toMatchObject({ status: "online", generation }),
      { timeout: 20_000 },
    );
  const kill = async (id: string) => {
    const { instance_id } = (await getWorkspace(scene.pool, id))!;
    process.kill(Number(instance_id!.split("@")[0]), "SIGKILL");
  };
  await kill(theirs);
  await kill(mine);
  await healed(mine, 2);
  expect(await getWorkspace(scene.pool, theirs)).toMatchObject({ generation: 1 });
  const states = (await livenessOfSweeps(scene.pool)).find(({ name }) => name === "instance-state")!;
  expect(states.silent, "the sweep as a whole runs").toBe(false);
  expect(states.places.map(({ place, running }) => [place, running])).toContainEqual(["machine-b", true]);
  const { rows } = await scene.pool.query<{ n: number }>(
    "select max((counts ->> 'looked_at')::int) as n from sweep_runs where sweep = 'instance-state@process'",
  );
  expect(rows, "the run of a place looks at what is there, and nowhere else").toEqual([{ n: 1 }]);
  release();
  hanging = null;
  await healed(theirs, 2);
});
