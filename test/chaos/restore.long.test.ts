import { DeleteVolumeCommand, EC2Client, TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { createPool } from "@berth/core/db/pool";
import type { Leak } from "@berth/core/db/leaks";
import { expect, onTestFinished, test } from "vitest";
import { REGION } from "../compute/ec2/harness.js";
import { baseBackup } from "../support/base-backup.js";
import {
  call,
  create,
  ends,
  HERE,
  openDeployment,
  send,
  type Api,
  type Body,
} from "../support/deployment.js";
import { aliveOn, expectNoOverlap } from "../support/ec2-witness.js";
import { startPostgres, type TestPostgres } from "../support/postgres.js";

/** Each run soon, and nothing too young or too seldom seen to be judged: only knowing better saves a thing. In ms. */
const HASTY = {
  BERTH_COPY_STALE_MS: "1000",
  BERTH_SWEEP_LEAKED_INSTANCES_EVERY_MS: "300",
  BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "300",
  BERTH_SWEEP_REMOVED_INSTANCES_EVERY_MS: "300",
  BERTH_LEAK_GRACE_CLOUD_MS: "1",
  BERTH_LEAK_SECOND_SIGHTING_MS: "0",
  BERTH_RESTART_DEBOUNCE_MS: "0",
  BERTH_RETRY_ATTEMPTS: "2",
};
/** As docs/backups.md has it. */
const LOOK_FIRST = { BERTH_SWEEPS_PAUSED: "instance-state,liveness,idle-hibernation,expiry" };
const NAMES = [
  "untouched",
  "restarted",
  "twice",
  "resumed",
  "paused",
  "deleted",
  "busy",
  "under way",
] as const;

const get = (api: Api, { id }: Pick<Body, "id">) => call(api, "GET", `/workspaces/${id}`);
const act = (api: Api, { id }: Body, verb: string) => call(api, "POST", `/workspaces/${id}/${verb}`);
const remove = (api: Api, { id }: Body) => call(api, "DELETE", `/workspaces/${id}`);
const leaksOf = (api: Api) => call<Leak[]>(api, "GET", "/leaks");

test("a physical backup of ten minutes ago, restored as docs/backups.md says, costs nothing alive its life, and all comes together (I4, I5, I7)", async () => {
  let postgres: TestPostgres = await startPostgres({ durable: true });
  const first = postgres;
  onTestFinished(() => first[Symbol.asyncDispose]());
  const berth = await openDeployment(() => postgres.url, HASTY);
  const { sim, url } = berth.simulator;
  const before = await berth.startApi(HERE);
  const worker = await berth.startWorker(HERE, "before");
  const made = await Promise.all(NAMES.map((name) => create(before, "ec2", name)));
  const of = (name: (typeof NAMES)[number]) => made[NAMES.indexOf(name)]!;
  await act(before, of("resumed"), "pause");

  // One operation is in the middle of its launch all the time, and another workspace is restarted again and again.
  const { id: stuck } = sim.world.faults.add({ kind: "stuck", state: "pending", count: 1 });
  const underWay = act(before, of("under way"), "restart");
  await expect.poll(() => sim.world.faults.list().find(({ id }) => id === stuck)?.fired).toBe(1);
  const copied = new AbortController();
  const storm = (async () => {
    do await act(before, of("busy"), "restart");
    while (!copied.signal.aborted);
  })();
  let late: Body | undefined;
  const backup = await baseBackup(first, async () => {
    late = await create(before, "ec2", "late");
  });
  copied.abort();
  await storm;

  const [held] = sim.regions().flatMap(({ instances }) => [...instances.values()].filter((one) => one.stuck));
  await fetch(`${url}/_sim/instances/${held!.id}/release`, { method: "POST" });
  await underWay;
  await expect.poll(() => get(before, of("under way"))).toMatchObject({ status: "online" });
  const [forgotten] = await Promise.all([
    create(before, "ec2", "forgotten"),
    act(before, of("busy"), "restart"),
    act(before, of("restarted"), "restart"),
    act(before, of("twice"), "restart").then(() => act(before, of("twice"), "restart")),
    act(before, of("resumed"), "resume"),
    act(before, of("paused"), "pause"),
    remove(before, of("deleted")),
  ]);
  const lived = aliveOn(sim);
  const instanceOf = new Map<string, string | null>();
  for (const one of [...made, forgotten, late!]) instanceOf.set(one.id, (await get(before, one)).instance_id);

  // 1. Stop all.
  await Promise.all([ends(worker), ends(before.process)]);
  // 2. Restore PostgreSQL.
  await first.stop();
  postgres = await startPostgres({ backup });
  const { [Symbol.asyncDispose]: dispose } = postgres;
  onTestFinished(dispose);
  const pool = createPool(postgres.url, { name: "test" });
  onTestFinished(() => pool.end());
  // Ten minutes pass.
  await pool.query("update memory set until = until - interval '10 minutes'");

  // 3. Start with the pause.
  const looking = await berth.startWorker(HERE, "looking", LOOK_FIRST);
  const api = await berth.startApi(HERE);
  // 4. Read the leaks.
  const unknown = [
    ...["restarted", "twice", "resumed", "busy"].map((name) => of(name as "busy").id),
    forgotten.id,
  ];
  const expected = [...unknown.map((id) => [id, "instance"]), [forgotten.id, "volume"]].toSorted();
  const listed = async () =>
    (await leaksOf(api)).map(({ workspace_id, kind }) => [workspace_id, kind]).toSorted();
  await expect.poll(listed).toEqual(expected);
  await expect.poll(() => get(api, of("under way"))).toMatchObject({ status: "online" });
  const leaks = await leaksOf(api);
  for (const { why } of leaks) expect(why).toContain("may be a restored backup");
  expect(aliveOn(sim), "what lived lives").toEqual(lived);

  // A workspace that has a row is restarted, or resumed, until its instance is the one that is listed.
  for (const { kind, workspace_id, provider_id } of leaks) {
    if (kind !== "instance" || workspace_id === forgotten.id) continue;
    const back = async () => {
      const { id, status, instance_id } = await get(api, { id: workspace_id! });
      if (instance_id !== provider_id)
        await send(api, "POST", `/workspaces/${id}/${status === "paused" ? "resume" : "restart"}`);
      return (await get(api, { id })).instance_id;
    };
    await expect.poll(back).toBe(provider_id);
  }
  expect(aliveOn(sim), "what lived lives").toEqual(lived);

  // One that has none is removed by hand, and leaves the list.
  const operator = new EC2Client({
    endpoint: url,
    region: REGION,
    credentials: { accessKeyId: "operator", secretAccessKey: "none" },
  });
  onTestFinished(() => operator.destroy());
  const idOf = (kind: string) =>
    leaks.find((one) => one.workspace_id === forgotten.id && one.kind === kind)!.provider_id!;
  await operator.send(new TerminateInstancesCommand({ InstanceIds: [idOf("instance")] }));
  await expect.poll(() => aliveOn(sim)).not.toContain(idOf("instance"));
  await operator.send(new DeleteVolumeCommand({ VolumeId: idOf("volume") }));
  await expect.poll(listed).toEqual([]);

  // 5. Start without the pause.
  await ends(looking);
  const after = await berth.startWorker(HERE, "after");
  await expect.poll(() => get(api, of("paused"))).toMatchObject({ status: "online" });
  await expect.poll(() => get(api, of("deleted"))).toMatchObject({ status: "failed" });
  // 6. Ask again.
  await act(api, of("paused"), "pause");
  await remove(api, of("deleted"));

  for (const one of [...made, late!])
    expect(await get(api, one), one.id).toMatchObject({
      status: one === of("paused") ? "paused" : one === of("deleted") ? "removed" : "online",
      instance_id: instanceOf.get(one.id),
    });
  const gone = lived.filter((id) => id.startsWith("i-") && !aliveOn(sim).includes(id));
  expect(gone, "Berth ended nothing that lived").toEqual([idOf("instance")]);
  await Promise.all([...made, late!].map((one) => remove(api, one)));
  // What was listed leaves the list at the next look that no longer finds it.
  await expect.poll(() => leaksOf(api)).toEqual([]);
  expect(aliveOn(sim)).toEqual([]);
  expectNoOverlap(sim);
  await Promise.all([ends(after), ends(api.process)]);
}, 300_000);
