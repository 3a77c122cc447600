import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createPool } from "@berth/core/db/pool";
import { expect, onTestFinished, test } from "vitest";
import { call, create, ends, HERE, openDeployment, type Api, type Body } from "../support/deployment.js";
import { aliveOn, expectNoOverlap, launchersOf } from "../support/ec2-witness.js";
import { hasCommit, oldCheckout } from "../support/old-checkout.js";
import { startPostgres } from "../support/postgres.js";
import type { TestProcess } from "../support/worker-process.js";

/** The last one before migration 0009: without bulk operations, quotas, webhooks and memory. */
const OLD = "7a7076f6713ae155cb8797dbc0d275ebc8e305e9";
const BACKENDS = ["process", "ec2"] as const;
/** One workspace on each backend for each thing that is to be done to it. */
type Made = Record<"restart" | "pause" | "delete" | "lost", Body[]>;

interface Worker {
  /** By which the simulator's log tells who has called. */
  key: string;
  process: TestProcess;
}

const act = (api: Api, { id }: Body, verb: string) => call(api, "POST", `/workspaces/${id}/${verb}`);
const all = <Result>(made: readonly Body[], work: (one: Body) => Promise<Result>) =>
  Promise.all(made.map(work));

async function make(api: Api): Promise<Made> {
  const two = (name: string) => Promise.all(BACKENDS.map((backend) => create(api, backend, name)));
  const [restart, pause, remove, lost] = await Promise.all(["restart", "pause", "delete", "lost"].map(two));
  return { restart: restart!, pause: pause!, delete: remove!, lost: lost! };
}

/** Changes made by one version to what the other has launched. */
async function change(api: Api, made: Made): Promise<void> {
  await Promise.all([
    all(made.restart, (one) => act(api, one, "restart")),
    all(made.pause, (one) => act(api, one, "pause")),
    all(made.delete, (one) => call(api, "DELETE", `/workspaces/${one.id}`)),
  ]);
}

test.runIf(await hasCommit(OLD))(
  "old and new workers, side by side and killed, carry on what the other has begun, and leave nothing (I1, I6, I7)",
  async () => {
    const checkout = await oldCheckout(OLD);
    onTestFinished(() => rm(checkout, { recursive: true, force: true }));
    const postgres = await startPostgres();
    onTestFinished(() => postgres[Symbol.asyncDispose]());
    const pool = createPool(postgres.url, { name: "test" });
    onTestFinished(() => pool.end());
    const berth = await openDeployment(() => postgres.url);
    const { sim } = berth.simulator;

    const is = (api: Api, made: readonly Body[], status: string) =>
      all(made, async (one) =>
        expect(await call(api, "GET", `/workspaces/${one.id}`)).toMatchObject({ status }),
      );
    /**
     * The one worker that isn't frozen kills itself in an operation on `process`, in the middle of a restart on `ec2`
     * whose instance is there, and the ledger doesn't know it yet. The other one, thawed, finds both.
     */
    const takeOver = async (api: Api, [local, cloud]: Body[], verb: string, from: Worker, by: Worker) => {
      const { id } = sim.world.faults.add({
        kind: "latency",
        action: "AttachVolume",
        key: from.key,
        ms: 30_000,
      });
      const restarted = act(api, cloud!, "restart");
      const isHeld = () => sim.world.faults.list().find((fault) => fault.id === id)?.fired;
      await expect.poll(isHeld).toBe(1);
      const fatal = act(api, local!, verb);
      expect(await from.process.exited, from.process.output()).toMatchObject({ signal: "SIGKILL" });
      by.process.thaw();
      const ids = (await Promise.all([restarted, fatal])).map(({ operation }) => operation.id);
      const { rows } = await pool.query("select state, takeovers from operations where id = any($1)", [ids]);
      // More than one on a machine so busy that a lease runs out by itself.
      const takenOver = { state: "succeeded", takeovers: expect.toSatisfy((n: number) => n > 0) };
      expect(rows).toEqual(ids.map(() => takenOver));
      expect(launchersOf(sim, cloud!.id).at(-1), "adopted, not launched again").toBe(from.key);
    };

    const worker = async (root: string, key: string, fault?: string): Promise<Worker> => ({
      key,
      process: await berth.startWorker(root, key, fault === undefined ? {} : { BERTH_FAULT_AT_STEP: fault }),
    });

    const [oldApi, old, retiring] = await Promise.all([
      berth.startApi(checkout),
      worker(checkout, "old", "resume/launch/after"),
      worker(checkout, "old"),
    ]);
    const ofOld = await make(oldApi);

    // The new API migrates under the old one and its workers, which go on.
    const newApi = await berth.startApi(HERE);
    await all(ofOld.restart, (one) => act(newApi, one, "restart"));

    const first = await worker(HERE, "new", "hibernate/stop/after");
    const both = await Promise.all(
      Array.from({ length: 6 }, async (_, n) => {
        const [asked, other] = n % 2 === 0 ? [oldApi, newApi] : [newApi, oldApi];
        const made = await create(asked, BACKENDS[n % 2]!, `both-${n}`);
        // One of the old workers leaves while there is work.
        if (n === 0) retiring.process.term();
        await act(other, made, "restart");
        return made;
      }),
    );
    await is(newApi, both, "online");
    await ends(retiring.process);

    // What the new one alone launches, asked by the old API, is the old one's to carry on.
    await old.process.freeze();
    const ofNew = await make(oldApi);
    await takeOver(oldApi, ofNew.lost, "hibernate", first, old);
    await is(newApi, ofNew.lost.slice(0, 1), "hibernated");
    await change(newApi, ofNew);
    await is(oldApi, ofNew.restart, "online");
    await is(oldApi, ofNew.pause, "paused");

    // And the other way round.
    await act(newApi, ofOld.lost[0]!, "pause");
    const second = await worker(HERE, "newer");
    await second.process.freeze();
    await takeOver(newApi, ofOld.lost, "resume", old, second);
    await is(oldApi, ofOld.lost, "online");
    await change(oldApi, ofOld);
    await is(newApi, ofOld.restart, "online");
    await is(newApi, ofOld.pause, "paused");
    await all([...ofOld.pause, ...ofNew.pause], (one) => act(oldApi, one, "resume"));
    expect(launchersOf(sim, ofNew.restart[1]!.id)).toEqual(["new", "old"]);
    expect(launchersOf(sim, ofOld.restart[1]!.id)).toEqual(["old", "old", "newer"]);
    await ends(oldApi.process);

    const late = berth.start(checkout, "worker");
    expect((await late.exited).code, "an old one isn't started any more").not.toBe(0);
    expect(late.output()).toMatch(/the database is at schema \d+, this Berth knows 8/);

    const left = [ofOld, ofNew].flatMap(({ restart, pause, lost }) => [...restart, ...pause, ...lost]);
    for (const { status } of await all([...left, ...both], (one) =>
      call(newApi, "DELETE", `/workspaces/${one.id}`),
    ))
      expect(status).toBe("removed");
    await expect.poll(() => call(newApi, "GET", "/leaks")).toEqual([]);
    expect(aliveOn(sim)).toEqual([]);
    const local = join(berth.directory, "process/berth");
    for (const folder of ["instances", "volumes"])
      expect(await readdir(join(local, folder)), folder).toEqual([]);
    expectNoOverlap(sim);
    await ends(second.process);
    await ends(newApi.process);
  },
  300_000,
);

test("a checkout without the old version is told from one that has it", async () => {
  expect(await hasCommit("0".repeat(40))).toBe(false);
});
