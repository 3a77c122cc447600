import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { noteDatabase, openInstallation } from "@berth/core/db/installation";
import { listLeaks, retryLeak } from "@berth/core/requests/leaks";
import { removeWorkspace } from "@berth/core/requests/delete";
import { BY_TEST } from "../support/fleet.js";
import { ANOTHER } from "../support/installations.js";
import { openStage, type Stage } from "./stage.js";

const GRACE_MS = 120_000;
const DAY_MS = 86_400_000;

describe("what a database doesn't know", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ BERTH_LEAK_VOLUME_GRACE_DAYS: "7" });
  });
  beforeEach(() => stage.clear());
  afterAll(() => stage.close());

  const pass = async (n = 1, everyMs = 60_000): Promise<Record<string, number> | null> => {
    let counts: Record<string, number> | null = null;
    for (let i = 0; i < n; i++) {
      counts = await stage.run("docker-orphans");
      await stage.time.advance(everyMs);
    }
    return counts;
  };
  const ofType = async (type: string) => (await stage.events()).filter((event) => event.event_type === type);

  it("has one id for each database, however often it is asked", async () => {
    const ids = await Promise.all([1, 2, 3].map(() => openInstallation(stage.pool)));
    expect(new Set(ids.map(({ id }) => id)).size).toBe(1);
  });

  it("says once that its database is a copy, by what PostgreSQL calls the one that it is in", async () => {
    await openInstallation(stage.pool);
    expect([await noteDatabase(stage.pool), await noteDatabase(stage.pool)]).toEqual([null, null]);
    await stage.pool.query("update installation set database = '7000000000000000000/16384'");
    expect(await noteDatabase(stage.pool)).toMatch(
      /^this database is a copy, or was restored elsewhere: .*delete from installation/,
    );
    expect(await noteDatabase(stage.pool)).toBeNull();
  });

  it("is another installation's if it says so: reported, told of once, and never touched (I10)", async () => {
    const workspaceId = randomUUID();
    await stage.leak({ workspaceId, ageMs: GRACE_MS, installation: ANOTHER });
    await stage.leak({ workspaceId, kind: "volume", ageMs: GRACE_MS, installation: ANOTHER });
    expect(await pass(10, DAY_MS)).toMatchObject({ kept: 2, others: 2, unclaimed: 0, would_act: 0 });
    expect(await stage.things()).toHaveLength(2);
    expect((await ofType("place.shared")).map(({ payload }) => payload)).toMatchObject([
      { place: "process", installation: ANOTHER, things: 2 },
    ]);
    const calls = await stage.pool.query("select from provider_calls where call in ('stop', 'removeVolume')");
    expect(calls.rowCount, "its provider isn't even asked").toBe(0);
  });

  it("is only reported if it isn't named as Berth names things, and isn't tried for ever", async () => {
    const workspaceId = randomUUID();
    const named = await stage.leak({ workspaceId, ageMs: GRACE_MS });
    const strange = await stage.leak({ kind: "volume", ageMs: 30 * DAY_MS });
    stage.backend.faults.onList = (things) =>
      things.map((one) => (one.providerId === strange ? { ...one, name: "my-own-data" } : one));
    expect(await pass(3)).toMatchObject({ kept: 1, unclaimed: 1 });
    expect(await stage.things(), "what is named so goes as ever").not.toContain(named);
    expect(await pass(10, DAY_MS)).toMatchObject({ kept: 1, would_act: 0 });
    expect(await listLeaks(stage.pool)).toMatchObject([
      {
        provider_id: strange,
        attempts: 0,
        why: expect.stringContaining("isn't named as Berth names things (my-own-data)"),
      },
    ]);
    const calls = await stage.pool.query("select from provider_calls where call = 'removeVolume'");
    expect(calls.rowCount, "its provider isn't even asked").toBe(0);
  });

  it("is left alone where it names no installation, as earlier versions made things, unless the ledger knows it", async () => {
    await stage.leak({ ageMs: GRACE_MS, installation: null });
    await stage.leak({ kind: "volume", ageMs: GRACE_MS, installation: null });
    const { id } = await stage.online();
    const own = await stage.leak({ workspaceId: id, ageMs: GRACE_MS, installation: null });
    await stage.pool.query(
      "update resources set generation = 7 where workspace_id = $1 and kind = 'instance'",
      [id],
    );
    expect(await pass(3)).toMatchObject({ kept: 2 });
    const left = await stage.things();
    expect(left).toHaveLength(4);
    expect(left, "of a workspace that this database has, as before").not.toContain(own);
    expect(await pass(10, DAY_MS)).toMatchObject({ kept: 2, would_act: 0 });
    expect(await stage.things()).toHaveLength(4);
  });

  it("is held for days if it is a volume, and that is told at its sighting, with its end", async () => {
    const workspaceId = randomUUID();
    await stage.leak({ workspaceId, ageMs: 30 * DAY_MS });
    const volume = await stage.leak({ workspaceId, kind: "volume", ageMs: 30 * DAY_MS });
    await pass(3);
    expect(await stage.things(), "what runs goes as ever").toEqual([volume]);
    const [held, ...more] = await ofType("workspace.leak.held");
    expect(more).toEqual([]);
    expect(held!.payload).toMatchObject({ provider_id: volume, why: "its workspace isn't known" });
    const [leak] = await listLeaks(stage.pool);
    expect(leak).toMatchObject({ provider_id: volume, attempts: 0 });
    expect(leak!.next_attempt_at).toEqual(new Date(held!.payload["held_until"] as string));
    expect(await pass(6, DAY_MS)).toMatchObject({ held: 1, would_act: 0 });
    expect(await stage.things()).toEqual([volume]);
    await pass(2, DAY_MS);
    expect(await stage.things()).toEqual([]);
    expect(await ofType("workspace.leak.held")).toHaveLength(1);
    expect(await ofType("workspace.leak.reaped")).toHaveLength(2);
  });

  it("goes at once if a person says so", async () => {
    await stage.leak({ kind: "volume", ageMs: GRACE_MS });
    await pass(2);
    const [leak] = await listLeaks(stage.pool);
    await retryLeak(stage.pool, leak!.id, { requestedBy: "test" });
    await pass(1);
    expect(await stage.things()).toEqual([]);
  });

  it("isn't meant where the ledger says that the volume is to go: that ends as ever", async () => {
    const { id } = await stage.online();
    await removeWorkspace(stage.deps, id, { cascade: false, ...BY_TEST });
    await stage.pool.query("delete from workspaces where id = $1", [id]);
    await stage.time.advance(GRACE_MS);
    await pass(3);
    expect(await stage.things()).toEqual([]);
    expect(await ofType("workspace.leak.held")).toEqual([]);
  });
});
