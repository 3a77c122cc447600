import type { Ec2Options } from "@berth/core/compute/ec2/settings";
import { expect, it } from "vitest";
import { openEc2Fleet } from "../compute/ec2/fleet.js";
import { expectUntouched } from "./elsewhere.js";
import { openScene } from "./scene.js";

const QUICKLY = { BERTH_SWEEP_DISPATCH_EVERY_MS: "300", BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "300" };
const OTHER = { accessKeyId: "AKIAOTHER", secretAccessKey: "none" };

it.each<{ what: string; changes: Partial<Ec2Options>; there: string }>([
  { what: "Region", changes: { region: "us-east-1" }, there: "aws:123456789012:us-east-1" },
  { what: "account", changes: { credentials: OTHER }, there: "aws:210987654321:eu-west-1" },
])(
  "from another $what of EC2 no operation is begun, and nothing is ended or called gone (I12)",
  async ({ changes, there }) => {
    const fleet = await openEc2Fleet({
      workers: 0,
      env: { ...QUICKLY, BERTH_SWEEPS_PAUSED: "" },
      server: { accounts: { AKIAOTHER: "210987654321" } },
    });
    const start = (more: Partial<Ec2Options> = {}) =>
      fleet.startWorker({ backends: new Map([["ec2", fleet.lab.open(more)]]) });
    let worker = start();
    const restart = async (more: Partial<Ec2Options>) => {
      await worker.close();
      worker = start(more);
    };
    await expectUntouched(fleet, {
      place: "ec2",
      input: { backend: "ec2", spec: { readiness: "running" } },
      leadAway: () => restart(changes),
      leadBack: () => restart({}),
      async things() {
        fleet.lab.sim.world.schedule.settle();
        const all = fleet.lab.sim.regions().map(({ account, name, instances, volumes }) => ({
          where: `aws:${account}:${name}`,
          has: [...instances.values(), ...volumes.values()].map(({ id, state }) => `${id} ${state}`),
        }));
        const of = (wanted: (where: string) => boolean) =>
          all.filter(({ where }) => wanted(where)).flatMap(({ has }) => has);
        return { here: of((where) => where !== there), there: of((where) => where === there) };
      },
    });
  },
  180_000,
);

it("a directory that leads to another machine while the worker runs: no operation is begun, and nothing is ended or called gone (I12)", async () => {
  const scene = await openScene(QUICKLY);
  const [mine, other] = [await scene.machine(), await scene.machine()];
  mine.open();
  await other.open().mark!({ signal: new AbortController().signal });
  const path = await scene.path(mine.dataDir);
  scene.startWorker({ backends: new Map([["process", path.open()]]) });
  await scene.contact("process", "confirmed");
  await expectUntouched(scene, {
    place: "process",
    input: { spec: { command: ["sleep", "3600"], readiness: "running" } },
    leadAway: () => path.point(other.dataDir),
    leadBack: () => path.point(mine.dataDir),
    things: async () => ({ here: await mine.owned(), there: await other.owned() }),
  });
  expect(await other.owned()).toEqual([]);
}, 180_000);
