import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { removeWorkspace } from "@berth/core/requests/delete";
import { requestPause } from "@berth/core/requests/suspend";
import { approveSweep } from "@berth/core/requests/sweeps";
import { dryRun } from "@berth/core/sweeps/run";
import { unclaimed } from "@berth/core/sweeps/unclaimed";
import { BY_TEST } from "../support/fleet.js";
import { openStage, type Stage } from "./stage.js";

const GRACE_MS = 120_000;
const BEAT_MS = 60_000;

describe("what nobody claims", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  beforeEach(() => stage.clear());
  afterAll(() => stage.close());

  const pass = async (n = 1): Promise<Record<string, number> | null> => {
    let counts: Record<string, number> | null = null;
    for (let i = 0; i < n; i++) {
      counts = await stage.run("docker-orphans");
      await stage.time.advance(BEAT_MS);
    }
    return counts;
  };

  it("is stopped and removed once it is old, was seen twice and is still unclaimed, with an event that says why", async () => {
    const workspaceId = randomUUID();
    await stage.leak({ workspaceId, ageMs: GRACE_MS });
    await stage.leak({ workspaceId, kind: "volume", ageMs: GRACE_MS });
    expect(await pass()).toMatchObject({ would_act: 0, not_yet: 2 });
    expect(await stage.things(), "once is not enough").toHaveLength(2);
    expect(await pass()).toMatchObject({ would_act: 1, reaped: 1 });
    expect(await stage.things()).toEqual([]);
    const events = (await stage.events()).filter((event) => event.event_type === "workspace.leak.reaped");
    expect(events.map((event) => event.payload["kind"])).toEqual(["instance", "volume"]);
    expect(events[0]!.payload).toMatchObject({
      sweep: "docker-orphans",
      backend: "process",
      why: "its workspace isn't known",
      age_seconds: 180,
      sightings: 2,
      attempts: 1,
    });
  });

  it("leaves what is young alone, and counts its first sighting only from then on", async () => {
    await stage.leak({ ageMs: 0 });
    expect(await pass()).toMatchObject({ unclaimed: 0, young: 1 });
    expect(await pass()).toMatchObject({ young: 1 });
    expect(await pass()).toMatchObject({ not_yet: 1 });
    expect(await stage.things()).toHaveLength(1);
    await pass();
    expect(await stage.things()).toEqual([]);
  });

  it("isn't seen twice by two runs in a row: ten seconds must lie between", async () => {
    await stage.leak({ ageMs: GRACE_MS });
    for (let n = 0; n < 3; n++) expect(await stage.run("docker-orphans")).toMatchObject({ would_act: 0 });
    await stage.time.advance(10_000);
    expect(await stage.run("docker-orphans")).toMatchObject({ reaped: 1 });
  });

  it("is never a thing that the ledger claims, in whatever state its workspace is", async () => {
    const { id } = await stage.online();
    await stage.online();
    await removeWorkspace(stage.deps, id, { cascade: false, ...BY_TEST });
    await stage.time.advance(10 * GRACE_MS);
    await pass(3);
    expect(await stage.things(), "its delete hasn't run").toHaveLength(4);
    expect(await stage.eventTypes()).not.toContain("workspace.leak.reaped");
  });

  it("is not concluded from a row whose provider never answered: that could be its fruit (I3)", async () => {
    const { id, generation } = await stage.online();
    await stage.pool.query("update workspaces set instance_id = null where id = $1", [id]);
    await stage.pool.query(
      "update resources set provider_id = null, state = 'intended' where workspace_id = $1 and kind = 'instance'",
      [id],
    );
    await stage.time.advance(GRACE_MS);
    await pass(3);
    expect(await stage.things()).toHaveLength(2);
    // Of another generation it can't be.
    await stage.pool.query(
      "update resources set generation = $2 where workspace_id = $1 and kind = 'instance'",
      [id, generation + 1],
    );
    await pass(3);
    expect(await stage.things()).toHaveLength(1);
  });

  it("is only reported where it may hold the data of a workspace that lives", async () => {
    const { id } = await stage.online();
    const lost = await stage.leak({ workspaceId: id, kind: "volume", ageMs: GRACE_MS });
    await stage.pool.query("delete from resources where workspace_id = $1 and kind = 'volume'", [id]);
    await stage.time.advance(GRACE_MS);
    expect(await pass(3)).toMatchObject({ kept: 2, would_act: 0 });
    expect(await stage.things()).toContain(lost);
  });

  it("is kept at the last look if the workspace's other volume has gone meanwhile", async () => {
    const { id } = await stage.online();
    await requestPause(stage.deps, id, BY_TEST);
    await stage.settle();
    const second = await stage.leak({ workspaceId: id, kind: "volume", ageMs: GRACE_MS });
    await pass(1);
    let looks = 0;
    stage.backend.faults.onList = async (things) => {
      if (++looks === 2)
        await stage.pool.query("delete from resources where workspace_id = $1 and kind = 'volume'", [id]);
      return things;
    };
    expect(await pass(1)).toMatchObject({ would_act: 1, changed: 1 });
    expect(await stage.things()).toContain(second);
  });

  it("is not the instance that its workspace says it runs, even if the ledger has lost it", async () => {
    const { id, instance_id } = await stage.online();
    await stage.pool.query("delete from resources where workspace_id = $1", [id]);
    await stage.time.advance(GRACE_MS);
    expect(await pass(3)).toMatchObject({ would_act: 0 });
    expect(await stage.things()).toContain(instance_id);
  });

  it("goes although its workspace lives, under its gate, when the workspace has a volume and an instance besides", async () => {
    const { id } = await stage.online();
    const own = await stage.things();
    await stage.leak({ workspaceId: id, kind: "instance", ageMs: GRACE_MS });
    await pass(2);
    expect(await stage.things()).toEqual(own);
    await stage.leak({ workspaceId: id, kind: "instance", ageMs: GRACE_MS });
    await pass(1);
    await stage.pool.query(
      "update gates set owner = 'other', lease_until = clock_timestamp() + interval '1 hour'",
    );
    expect(await pass(1)).toMatchObject({ busy: 1 });
    expect(await stage.things()).toHaveLength(3);
  });

  it("keeps its volume while any instance of its workspace is there (I8)", async () => {
    const workspaceId = randomUUID();
    await stage.leak({ workspaceId, kind: "volume", ageMs: GRACE_MS });
    await stage.leak({ workspaceId, kind: "instance", ageMs: 0 });
    await pass(2);
    expect(await stage.things(), "the instance is too young to be judged").toHaveLength(2);
    const asked = await stage.pool.query("select 1 from provider_calls where call = 'removeVolume'");
    expect(asked.rows, "its provider isn't even asked").toEqual([]);
    await pass(4);
    expect(await stage.things()).toEqual([]);
  });

  it("is seen anew when another thing comes under its id", async () => {
    const id = await stage.leak({ kind: "volume", ageMs: GRACE_MS });
    await pass(1);
    await stage.pool.query(
      "update provider_things set created_at = created_at + interval '1 second' where id = $1",
      [id],
    );
    expect(await pass(1)).toMatchObject({ would_act: 0 });
    expect(await stage.things()).toEqual([id]);
  });

  it("is spared by the last look if it has changed since it was listed", async () => {
    await stage.leak({ ageMs: GRACE_MS });
    await pass(1);
    let looks = 0;
    stage.backend.faults.onList = (things) =>
      ++looks === 1 ? things : things.map((thing) => ({ ...thing, generation: 2 }));
    expect(await pass(1)).toMatchObject({ changed: 1 });
    expect(await stage.things()).toHaveLength(1);
  });

  it("is spared by the last look if a row claims it by now", async () => {
    const { id } = await stage.online();
    const extra = await stage.leak({ workspaceId: id, ageMs: GRACE_MS });
    await pass(1);
    let looks = 0;
    stage.backend.faults.onList = async (things) => {
      // Restored between the two looks.
      if (++looks === 2)
        await stage.pool.query(
          "update resources set provider_id = $2 where workspace_id = $1 and kind = 'instance'",
          [id, extra],
        );
      return things;
    };
    expect(await pass(1)).toMatchObject({ changed: 1 });
    expect(await stage.things()).toContain(extra);
  });

  it("is held back when it would be a fleet: a wiped database reaps nothing until an operator says so", async () => {
    for (let i = 0; i < 8; i++) await stage.online();
    await stage.pool.query("truncate workspaces, agents, gates, operations, resources");
    await stage.time.advance(GRACE_MS);
    await pass(1);
    expect(await pass(3)).toMatchObject({ held: 8, would_act: 8 });
    expect(await stage.things()).toHaveLength(16);
    expect((await stage.eventTypes()).filter((type) => type === "sweep.held")).toHaveLength(1);
    const late = await stage.leak({ ageMs: GRACE_MS });
    expect(
      await approveSweep(stage.deps.pool, { name: "docker-orphans", place: null }, { requestedBy: "alice" }),
    ).toMatchObject({
      by: "alice",
    });
    await expect(
      approveSweep(stage.deps.pool, { name: "liveness", place: null }, { requestedBy: "alice" }),
    ).rejects.toMatchObject({
      code: "nothing_held",
    });
    expect(await pass(1)).toMatchObject({ reaped: 8 });
    expect(await stage.things(), "what turned up after the approval is judged by itself").toEqual([late]);
    await pass(1);
    expect(await stage.things()).toEqual([]);
    expect(await stage.eventTypes()).toContain("sweep.released");
  });

  it("is only shown where it has no label, whatever it is called (I10)", async () => {
    const name = `ws-${randomUUID()}`;
    const alike = {
      kind: "instance" as const,
      providerId: "theirs",
      name,
      workspaceId: null,
      generation: null,
      installation: null,
      createdAt: new Date(0),
      state: "running" as const,
    };
    const { listLookalikes } = stage.backend;
    stage.backend.listLookalikes = () => Promise.resolve([alike]);
    try {
      expect(await pass(10)).toMatchObject({ kept: 1, would_act: 0, unclaimed: 0 });
      const { rows } = await stage.pool.query("select name, why, attempts from sightings");
      expect(rows).toEqual([{ name, why: expect.stringMatching(/no label of Berth/), attempts: 0 }]);
      const calls = await stage.pool.query(
        "select 1 from provider_calls where call in ('stop', 'removeVolume')",
      );
      expect(calls.rows, "its provider isn't even asked").toEqual([]);
    } finally {
      stage.backend.listLookalikes = listLookalikes!;
    }
    await pass(1);
    expect((await stage.pool.query("select 1 from sightings")).rows, "forgotten once it is gone").toEqual([]);
    expect(await stage.eventTypes()).toEqual([]);
  });

  it("isn't blocked by a percentage in a tiny fleet", async () => {
    for (let i = 0; i < 5; i++) await stage.leak({ ageMs: GRACE_MS });
    expect(await pass(2)).toMatchObject({ reaped: 5 });
  });

  it("is told by a dry run that remembers nothing", async () => {
    await stage.leak({ ageMs: GRACE_MS });
    await pass(1);
    const before = await stage.pool.query("select * from sightings");
    const told = await dryRun(unclaimed("docker-orphans"), stage.deps);
    expect(told).toMatchObject({ looked_at: 1, would_hold: false });
    expect(told.actions[0]).toMatchObject({ why: "its workspace isn't known" });
    expect((await stage.pool.query("select * from sightings")).rows).toEqual(before.rows);
    expect(await stage.things()).toHaveLength(1);
  });

  it("has a backoff of its own: one that can't be removed doesn't keep the others", async () => {
    const poisoned = await stage.leak({ ageMs: GRACE_MS });
    await stage.leak({ ageMs: GRACE_MS });
    const stop = stage.backend.stop;
    stage.backend.stop = (ref, options) =>
      ref.providerId === poisoned ? Promise.reject(new Error("protected")) : stop(ref, options);
    try {
      expect(await pass(2)).toMatchObject({ reaped: 1, failed: 1 });
      expect(await stage.things()).toEqual([poisoned]);
      const tries = async () =>
        (await stage.pool.query<{ attempts: number }>("select attempts from sightings")).rows[0]!.attempts;
      await pass(10);
      expect(await tries(), "tries in ten minutes").toBeLessThan(6);
    } finally {
      stage.backend.stop = stop;
    }
    await stage.time.advance(3_600_000);
    await pass(1);
    expect(await stage.things()).toEqual([]);
  });

  it("also goes when only rows of the ledger are left of its workspace, and they end with it", async () => {
    const { id } = await stage.online();
    await stage.pool.query("delete from workspaces where id = $1", [id]);
    await stage.time.advance(GRACE_MS);
    await pass(2);
    expect(await stage.things()).toEqual([]);
    await stage.pool.query("delete from sightings");
    await pass(2);
    const { rows } = await stage.pool.query<{ state: string }>(
      "select distinct state from resources where workspace_id = $1",
      [id],
    );
    expect(rows).toEqual([{ state: "gone" }]);
  });
});
