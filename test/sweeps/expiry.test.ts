import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createWorkspace } from "@berth/core/requests/create";
import { patchWorkspace } from "@berth/core/requests/patch";
import { requestHibernate, requestPause } from "@berth/core/requests/suspend";
import { expiry } from "@berth/core/sweeps/expiry";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { openStage, type Stage } from "./stage.js";

const MINUTE = 60_000;

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
beforeEach(() => stage.clear());
afterAll(() => stage.close());

async function at(ms: number): Promise<Date> {
  const { rows } = await stage.pool.query<{ at: Date }>(
    "select clock_timestamp() + $1 * interval '1 millisecond' as at",
    [ms],
  );
  return rows[0]!.at;
}
const expireIn = async (id: string, ms: number) =>
  patchWorkspace(stage.deps, id, { expires_at: await at(ms) }, BY_TEST);
const told = async (id: string) => (await stage.eventTypes(id)).filter((type) => /expir|removed/.test(type));

describe("a workspace with expires_at", () => {
  it("is announced 15 min before, and deleted with its children once its time has passed", async () => {
    const parent = await stage.online();
    const child = await stage.online({ parent_id: parent.id as never });
    const other = await stage.online();
    await expireIn(parent.id, 60 * MINUTE);
    await stage.time.advance(44 * MINUTE);
    expect(await stage.run("expiry")).toMatchObject({ looked_at: 0 });
    await stage.time.advance(2 * MINUTE);
    expect(await stage.run("expiry")).toMatchObject({ announced: 1 });
    expect(await stage.run("expiry"), "announced once").toMatchObject({ would_act: 0 });
    await stage.time.advance(13 * MINUTE);
    expect(await stage.run("expiry"), "not a minute early").toMatchObject({ would_act: 0 });
    expect(await stage.workspace(parent.id)).toMatchObject({ status: "online" });
    await stage.time.advance(MINUTE + 1_000);
    expect(await stage.run("expiry")).toMatchObject({ expired: 1 });
    await stage.settle();
    for (const { id } of [parent, child])
      expect(await stage.workspace(id)).toMatchObject({ status: "removed", instance_id: null });
    expect(await stage.workspace(other.id)).toMatchObject({ status: "online" });
    expect(
      (await stage.things()).some((thing) => thing.includes(parent.id) || thing.includes(child.id)),
    ).toBe(false);
    expect(await told(parent.id)).toEqual(["workspace.expiring", "workspace.expired", "workspace.removed"]);
    expect(await told(child.id)).toEqual(["workspace.removed"]);
    const { rows } = await stage.pool.query(
      "select source, requested_by from operations where kind = 'delete' and workspace_id = $1",
      [parent.id],
    );
    expect(rows).toEqual([{ source: "schedule", requested_by: "expiry" }]);
  });

  it("is announced first even where its time passed while no sweep ran", async () => {
    const { id } = await stage.online();
    await expireIn(id, MINUTE);
    await stage.time.advance(24 * 60 * MINUTE);
    expect(await stage.run("expiry")).toMatchObject({ announced: 1 });
    expect(await stage.workspace(id)).toMatchObject({ status: "online" });
    expect(await stage.run("expiry")).toMatchObject({ expired: 1 });
  });

  it("that is paused, hibernated or still provisioning is deleted too", async () => {
    const paused = await stage.online();
    const hibernated = await stage.online();
    await requestPause(stage.deps, paused.id, BY_TEST);
    await requestHibernate(stage.deps, hibernated.id, BY_TEST);
    await stage.settle();
    const { workspace: starting } = await createWorkspace(
      stage.deps,
      { ...newWorkspace(), expires_at: await at(MINUTE) },
      BY_TEST,
    );
    for (const { id } of [paused, hibernated]) await expireIn(id, MINUTE);
    await stage.run("expiry");
    await stage.time.advance(2 * MINUTE);
    expect(await stage.run("expiry")).toMatchObject({ expired: 3 });
    await stage.settle();
    for (const { id } of [paused, hibernated, starting])
      expect(await stage.workspace(id)).toMatchObject({ status: "removed" });
    expect(await stage.things()).toEqual([]);
  });

  it("stays if its time is put off or taken back, even between the look and the delete; that is announced anew", async () => {
    const off = await stage.online();
    const kept = await stage.online();
    const late = await stage.online();
    for (const { id } of [off, kept, late]) await expireIn(id, MINUTE);
    await stage.run("expiry");
    await expireIn(off.id, 60 * MINUTE);
    await patchWorkspace(stage.deps, kept.id, { expires_at: null }, BY_TEST);
    await stage.time.advance(2 * MINUTE);
    const connect = stage.pool.connect.bind(stage.pool);
    const pool = Object.create(stage.pool, {
      connect: {
        value: (done?: never) =>
          done === undefined ? expireIn(late.id, 60 * MINUTE).then(() => connect()) : connect(done),
      },
    });
    expect(await stage.run("expiry", { pool })).toMatchObject({ would_act: 1, changed: 1 });
    for (const { id } of [off, kept, late])
      expect(await stage.workspace(id)).toMatchObject({ status: "online" });
    await stage.time.advance(50 * MINUTE);
    expect(await stage.run("expiry")).toMatchObject({ announced: 2 });
    await stage.time.advance(24 * 60 * MINUTE);
    expect(await stage.run("expiry")).toMatchObject({ expired: 2 });
    expect(await told(late.id)).toEqual([
      "workspace.expiring",
      "workspace.expiring",
      "workspace.expired",
      "workspace.removed",
    ]);
    expect(await stage.workspace(kept.id)).toMatchObject({ status: "online" });
  });

  it("is neither given a time that has passed nor loses one by another change", async () => {
    const { id } = await stage.online();
    const past = await at(-1_000);
    const refusal = { code: "invalid_request", details: { errors: [{ field: "expires_at" }] } };
    await expect(patchWorkspace(stage.deps, id, { expires_at: past }, BY_TEST)).rejects.toMatchObject(
      refusal,
    );
    await expect(
      createWorkspace(stage.deps, { ...newWorkspace(), expires_at: past }, BY_TEST),
    ).rejects.toMatchObject(refusal);
    const { expires_at: given } = await expireIn(id, 10 * MINUTE);
    await stage.run("expiry");
    expect(await patchWorkspace(stage.deps, id, { name: "renamed" }, BY_TEST)).toMatchObject({
      expires_at: given,
    });
    expect(await patchWorkspace(stage.deps, id, { expires_at: given }, BY_TEST)).toMatchObject({
      expires_at: given,
    });
    expect(await stage.run("expiry"), "the same time is not announced twice").toMatchObject({ would_act: 0 });
  });

  it("is announced and deleted once by two runs that saw the same", async () => {
    const { id } = await stage.online();
    await expireIn(id, MINUTE);
    const both = async () => {
      const plans = [await expiry.plan(stage.deps, null, null), await expiry.plan(stage.deps, null, null)];
      const outcomes: string[] = [];
      for (const { actions } of plans)
        for (const action of actions) outcomes.push(await action.run(stage.deps.signal));
      return outcomes;
    };
    expect(await both()).toEqual(["announced", "changed"]);
    await stage.time.advance(MINUTE + 1_000);
    expect(await both()).toEqual(["expired", "changed"]);
  });
});

describe("more than a run does that fail each time", () => {
  const poison = (table: string, when: string) =>
    stage.pool.query(`
      create or replace function poison() returns trigger language plpgsql as $$ begin raise 'poisoned'; end $$;
      create or replace trigger poison before insert or update on ${table} for each row when (${when})
        execute function poison()`);
  /** Rows of workspaces that come first by every order, all poisoned. */
  const stuck = async (columns: string, values: string): Promise<void> => {
    await stage.pool.query(`
      with made as (insert into workspaces (id, name, backend, spec, labels, created_at, ${columns})
        select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'stuck', 'process', '{"command":["true"]}', '{}',
          clock_timestamp() - interval '2 days', ${values} from generate_series(1, 250) n returning id)
      insert into gates (workspace_id) select id from made`);
  };
  const mine = "new.workspace_id::text like '00000000-%'";

  it("don't keep one from expiring", async () => {
    const { id } = await stage.online();
    await expireIn(id, MINUTE);
    await stage.run("expiry");
    await stuck(
      "status, expires_at, expiry_noticed_at",
      "'failed', clock_timestamp() - interval '1 day', clock_timestamp()",
    );
    await poison("operations", mine);
    await stage.time.advance(2 * MINUTE);
    expect(await stage.run("expiry")).toMatchObject({ failed: 200 });
    expect(await stage.run("expiry")).toMatchObject({ failed: 50, expired: 1 });
    expect(await stage.run("expiry"), "and are tried again").toMatchObject({ failed: 200 });
  });

  it("don't keep one from hibernating", async () => {
    const { id } = await stage.withAgent({ hibernate_after_minutes: 1 as never });
    await stuck(
      "status, hibernate_after_minutes, last_heartbeat_at, last_launched_at",
      "'online', 1, clock_timestamp() + interval '1 hour', clock_timestamp() - interval '1 day'",
    );
    await poison("operations", mine);
    await stage.time.advance(2 * MINUTE);
    await stage.beat(id);
    expect(await stage.run("idle-hibernation")).toMatchObject({ failed: 200 });
    expect(await stage.run("idle-hibernation")).toMatchObject({ failed: 50, hibernating: 1 });
  });

  it("don't keep one from being given up", async () => {
    await stuck("status", "'provisioning'");
    await stage.pool.query("update workspaces set created_at = clock_timestamp() - interval '2 days'");
    const { id } = await stage.online({ spec: { command: ["true"], readiness: "agent" as never } });
    await stage.time.advance(11 * MINUTE);
    await stage.listened();
    await poison("workspaces", "new.status = 'failed' and new.id::text like '00000000-%'");
    const settings = { ...stage.settings, breaker: { share: 1, least: 1_000 } };
    expect(await stage.run("provisioning-timeout", { settings })).toMatchObject({ failed: 200 });
    expect(await stage.run("provisioning-timeout", { settings })).toMatchObject({ timed_out: 1 });
    expect(await stage.workspace(id)).toMatchObject({ status: "failed" });
  });
});
