import { describe, expect, test } from "vitest";
import { listLeaks } from "@berth/core/db/leaks";
import type { Pool } from "@berth/core/db/pool";
import { getWorkspace } from "@berth/core/db/workspaces";
import { removeWorkspace } from "@berth/core/requests/delete";
import { requestRestart } from "@berth/core/requests/restart";
import { requestPause } from "@berth/core/requests/suspend";
import { requestResume } from "@berth/core/requests/resume";
import { transaction } from "@berth/core/db/pool";
import { openEc2Fleet, type Ec2Fleet } from "../compute/ec2/fleet.js";
import { BY_TEST } from "../support/fleet.js";
import { ended } from "../support/wait.js";

/** Each run soon, and nothing too young or too seldom seen to be judged: only knowing better saves a thing. */
const HASTY = {
  BERTH_COPY_STALE_MS: "1000",
  BERTH_SWEEPS_PAUSED: "docker-orphans",
  BERTH_SWEEP_LEAKED_INSTANCES_EVERY_MS: "300",
  BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "300",
  BERTH_SWEEP_REMOVED_INSTANCES_EVERY_MS: "300",
  BERTH_LEAK_GRACE_CLOUD_MS: "1",
  BERTH_LEAK_SECOND_SIGHTING_MS: "0",
};

type Dump = { name: string; rows: string }[];

/** All rows of all tables, as a logical backup has them. */
async function dump(pool: Pool): Promise<Dump> {
  const { rows: tables } = await pool.query<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'public'",
  );
  const contents: Dump = [];
  for (const { name } of tables) {
    const { rows } = await pool.query<{ rows: string }>(
      `select coalesce(jsonb_agg(to_jsonb(t)), '[]')::text as rows from "${name}" t`,
    );
    contents.push({ name, rows: rows[0]!.rows });
  }
  return contents;
}

async function restore(pool: Pool, contents: Dump): Promise<void> {
  await transaction(pool, async (tx) => {
    await tx.query("set local session_replication_role = replica");
    await tx.query(`truncate ${contents.map(({ name }) => `"${name}"`).join(", ")}`);
    for (const { name, rows } of contents)
      await tx.query(
        `insert into "${name}" overriding system value select * from jsonb_populate_recordset(null::"${name}", $1)`,
        [rows],
      );
    // As if all of that had been ten minutes ago.
    await tx.query("update memory set until = until - interval '10 minutes'");
    await tx.query("update workspaces set last_launched_at = last_launched_at - interval '10 minutes'");
  });
}

async function runsOf(fleet: Ec2Fleet, sweep: string): Promise<number> {
  const { rows } = await fleet.pool.query<{ n: number }>(
    "select count(*)::int as n from sweep_runs where sweep = $1 and finished_at is not null and error is null",
    [sweep],
  );
  return rows[0]!.n;
}

describe("a database restored from ten minutes ago", () => {
  test("costs nothing alive its life, reports what it doesn't know, and takes back what it knows of (I5)", async () => {
    const fleet = await openEc2Fleet({ workers: 0, env: HASTY });
    const open = () => fleet.startWorker({ backends: new Map([["ec2", fleet.lab.open()]]) });
    const before = open();
    const restarted = await fleet.provisioned();
    const untouched = await fleet.provisioned();
    const backup = await dump(fleet.pool);

    const forgotten = await fleet.provisioned();
    const { operation } = await requestRestart(fleet.context, restarted, BY_TEST);
    await ended(fleet.pool, [operation.id]);
    const alive = fleet.lab.alive().toSorted();
    const { instance_id: successor } = (await getWorkspace(fleet.pool, restarted))!;
    const { instance_id: survivor } = (await getWorkspace(fleet.pool, forgotten))!;
    await before.close();
    const terminated = fleet.lab.calls("TerminateInstances").length;
    const deleted = fleet.lab.calls("DeleteVolume").length;

    await restore(fleet.pool, backup);
    for (const queue of [fleet.queues.operationsOf("ec2"), fleet.queues.endsOf("ec2")])
      await queue.obliterate({ force: true });
    open();
    const runs = await runsOf(fleet, "leaked-instances@ec2");
    await expect.poll(() => runsOf(fleet, "leaked-instances@ec2")).toBeGreaterThan(runs + 4);
    await expect
      .poll(() => getWorkspace(fleet.pool, restarted))
      .toMatchObject({ status: "online", generation: 2, instance_id: successor });

    expect(fleet.lab.alive().toSorted(), "what lived lives").toEqual(alive);
    expect(fleet.lab.calls("TerminateInstances").slice(terminated)).toEqual([]);
    expect(fleet.lab.calls("DeleteVolume").slice(deleted)).toEqual([]);
    expect(await getWorkspace(fleet.pool, untouched)).toMatchObject({ status: "online", generation: 1 });
    // What the restart had replaced is owed until its sweep has seen that it ended long ago.
    const leaksNow = () => listLeaks(fleet.pool, { limit: 100 });
    await expect
      .poll(async () => (await leaksNow()).map(({ workspace_id, kind }) => [workspace_id, kind]).toSorted())
      .toEqual([
        [forgotten, "instance"],
        [forgotten, "volume"],
      ]);
    const leaks = await leaksNow();
    expect(leaks.find(({ kind }) => kind === "instance")).toMatchObject({ provider_id: survivor });
    for (const { why } of leaks) expect(why).toContain("may be a restored backup");
  });

  test("leaves a workspace that was restarted twice its instance, until another restart takes it back (I1)", async () => {
    const fleet = await openEc2Fleet({ workers: 0, env: { ...HASTY, BERTH_RETRY_ATTEMPTS: "2" } });
    const open = () => fleet.startWorker({ backends: new Map([["ec2", fleet.lab.open()]]) });
    const before = open();
    const id = await fleet.provisioned();
    const backup = await dump(fleet.pool);
    const restart = async () => {
      const { operation } = await requestRestart(fleet.context, id, BY_TEST);
      return (await ended(fleet.pool, [operation.id]))[0];
    };
    await restart();
    await restart();
    const alive = fleet.lab.alive();
    await before.close();
    await restore(fleet.pool, backup);
    for (const queue of [fleet.queues.operationsOf("ec2"), fleet.queues.endsOf("ec2")])
      await queue.obliterate({ force: true });
    open();
    // Its instance of generation 1 is gone, and generation 3 is in the way of the second.
    await expect.poll(() => getWorkspace(fleet.pool, id)).toMatchObject({ status: "failed", generation: 2 });
    expect((await getWorkspace(fleet.pool, id))!.status_reason).toMatch(/^other_generation/);
    const runs = await runsOf(fleet, "leaked-instances@ec2");
    await expect.poll(() => runsOf(fleet, "leaked-instances@ec2")).toBeGreaterThan(runs + 4);
    expect(await listLeaks(fleet.pool, { limit: 100 })).toMatchObject([{ provider_id: alive[0] }]);

    expect(await restart()).toMatchObject({ state: "succeeded", generation: 3 });
    expect(await getWorkspace(fleet.pool, id)).toMatchObject({ status: "online", instance_id: alive[0] });
    expect(fleet.lab.alive(), "what lived lives").toEqual(alive);
    await expect.poll(() => listLeaks(fleet.pool, { limit: 100 })).toEqual([]);
  });

  test("starts what was paused since, nothing in place of what was deleted, and leaves what was resumed running", async () => {
    const fleet = await openEc2Fleet({ workers: 0, env: { ...HASTY, BERTH_RETRY_ATTEMPTS: "2" } });
    const open = () => fleet.startWorker({ backends: new Map([["ec2", fleet.lab.open()]]) });
    const before = open();
    const [deleted, paused, resumed] = await Promise.all([
      fleet.provisioned(),
      fleet.provisioned(),
      fleet.provisioned(),
    ]);
    const pause = async (id: string) =>
      ended(fleet.pool, [(await requestPause(fleet.context, id, BY_TEST)).operation.id]);
    await pause(resumed);
    const backup = await dump(fleet.pool);
    await pause(paused);
    const { operation } = await requestResume(fleet.context, resumed, BY_TEST);
    await ended(fleet.pool, [operation.id]);
    const removal = await removeWorkspace(fleet.context, deleted, { cascade: false, ...BY_TEST });
    await ended(fleet.pool, [removal.operation!.id]);
    const { instance_id: survivor } = (await getWorkspace(fleet.pool, resumed))!;
    await before.close();
    await restore(fleet.pool, backup);
    for (const queue of [fleet.queues.operationsOf("ec2"), fleet.queues.endsOf("ec2")])
      await queue.obliterate({ force: true });
    open();
    await expect
      .poll(() => getWorkspace(fleet.pool, paused))
      .toMatchObject({ status: "online", generation: 2 });
    const runs = await runsOf(fleet, "leaked-instances@ec2");
    await expect.poll(() => runsOf(fleet, "leaked-instances@ec2")).toBeGreaterThan(runs + 4);
    await expect
      .poll(() => getWorkspace(fleet.pool, deleted))
      .toMatchObject({ status: "failed", instance_id: null });
    expect((await getWorkspace(fleet.pool, deleted))!.status_reason).toMatch(/^volume_missing/);
    expect(fleet.lab.alive()).toContain(survivor);
    const again = await requestResume(fleet.context, resumed, BY_TEST);
    expect(await ended(fleet.pool, [again.operation.id])).toMatchObject([{ state: "succeeded" }]);
    expect(await getWorkspace(fleet.pool, resumed)).toMatchObject({ instance_id: survivor });
  });
});
