import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { getBulk, listItems } from "@berth/core/db/bulk";
import { acceptBulk, tryBulk, workspacesOf, type BulkRequest } from "@berth/core/requests/bulk";
import { requestPause } from "@berth/core/requests/suspend";
import { BY_TEST } from "../support/fleet.js";
import { openStage, type Stage } from "./stage.js";

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
beforeEach(() => stage.clear());
afterAll(() => stage.close());

const accept = (request: BulkRequest, ids: readonly string[]) =>
  acceptBulk(stage.deps, request, ids, BY_TEST);
const items = async (id: string) => listItems(stage.pool, id, { after: 0, limit: 20_000 });
const countsOf = async (id: string) => (await getBulk(stage.pool, id))!.counts;
const NONE = { pending: 0, refused: 0, queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
const asked = async () =>
  (await stage.pool.query("select workspace_id, kind from operations where kind <> 'provision'")).rows;

describe("a bulk operation", () => {
  it("asks for each workspace as its own request would, and is followed as a whole", async () => {
    const online = [await stage.online(), await stage.online()].map(({ id }) => id);
    const { id: paused } = await stage.online();
    await requestPause(stage.deps, paused, BY_TEST);
    await stage.settle();
    const nobody = "11111111-1111-4111-8111-111111111111";
    const { id, total } = await accept({ kind: "pause" }, [...online, paused, nobody]);
    expect(total).toBe(4);
    expect(await countsOf(id)).toEqual({ ...NONE, pending: 4 });
    expect(await stage.run("bulk")).toMatchObject({ accepted: 2, refused: 2 });
    expect(await countsOf(id)).toEqual({ ...NONE, refused: 2, queued: 2 });
    await stage.settle();
    expect(await countsOf(id)).toEqual({ ...NONE, refused: 2, succeeded: 2 });
    const all = await items(id);
    expect(
      all.map((item) => item.workspace_id),
      "in the order given",
    ).toEqual([...online, paused, nobody]);
    expect(all.map((item) => item.error?.code ?? item.operation_state)).toEqual([
      "succeeded",
      "succeeded",
      "illegal_transition",
      "workspace_not_found",
    ]);
    for (const workspace of online)
      expect(await stage.workspace(workspace)).toMatchObject({ status: "paused" });
    expect(await stage.run("bulk")).toMatchObject({ looked_at: 0 });
  });

  it("of a tenant finds no workspace that isn't the tenant's when its turn comes, and takes no such one along", async () => {
    const red = { labels: { team: "red" } as never };
    const [gone, parent] = [await stage.online(red), await stage.online(red)];
    await stage.online({ parent_id: parent.id as never });
    const tenant = { team: "red" };
    const ids = [gone.id, parent.id];
    const { id } = await acceptBulk(stage.deps, { kind: "pause" }, ids, { ...BY_TEST, tenant });
    await stage.pool.query("update workspaces set labels = '{}' where id = $1", [gone.id]);
    expect(await stage.run("bulk")).toMatchObject({ refused: 2 });
    expect((await items(id)).map((item) => item.error?.code)).toEqual(["workspace_not_found", "forbidden"]);
    const tried = await tryBulk(stage.deps, { kind: "pause" }, ids, { ...BY_TEST, tenant });
    expect(tried.map(({ code }) => code)).toEqual(["workspace_not_found", "forbidden"]);
  });

  it("asks for parents before their children to resume, and for children first to delete", async () => {
    const grandparent = await stage.online();
    const parent = await stage.online({ parent_id: grandparent.id as never });
    const child = await stage.online({ parent_id: parent.id as never });
    const line = [child, grandparent, parent].map(({ id }) => id);
    await requestPause(stage.deps, grandparent.id, BY_TEST);
    await stage.settle();
    expect(await tryBulk(stage.deps, { kind: "resume" }, line, BY_TEST)).toEqual([]);
    const resume = await accept({ kind: "resume" }, line);
    for (let level = 0; level < 3; level++) expect(await stage.run("bulk")).toMatchObject({ accepted: 1 });
    await stage.settle();
    expect(await countsOf(resume.id)).toEqual({ ...NONE, succeeded: 3 });
    const resumed = (await stage.events()).filter(
      (event) => event.event_type === "workspace.resume.requested",
    );
    expect(resumed.map((event) => event.workspace_id)).toEqual([grandparent.id, parent.id, child.id]);
    expect(await tryBulk(stage.deps, { kind: "delete" }, line, BY_TEST)).toEqual([]);
    const remove = await accept({ kind: "delete" }, line);
    for (let level = 0; level < 3; level++) expect(await stage.run("bulk")).toMatchObject({ accepted: 1 });
    await stage.settle();
    expect(await countsOf(remove.id)).toEqual({ ...NONE, succeeded: 3 });
    expect(await stage.things()).toEqual([]);
  });

  it("says beforehand what would be refused and why, and changes nothing by it (I10)", async () => {
    const parent = await stage.online();
    const child = await stage.online({ parent_id: parent.id as never });
    const busy = await stage.withAgent();
    await stage.beat(busy.id, 2);
    const before = await stage.pool.query("select * from gates order by workspace_id");
    const events = (await stage.events()).length;
    const refusedOf = async (request: BulkRequest, ids: readonly string[]) =>
      (await tryBulk(stage.deps, request, ids, BY_TEST)).map(({ workspace_id, code }) => [
        workspace_id,
        code,
      ]);
    expect(await refusedOf({ kind: "delete" }, [parent.id, busy.id])).toEqual([[parent.id, "has_children"]]);
    expect(await refusedOf({ kind: "delete" }, [parent.id, child.id])).toEqual([]);
    expect(await refusedOf({ kind: "delete", cascade: true }, [parent.id])).toEqual([]);
    expect(await refusedOf({ kind: "hibernate" }, [busy.id, child.id])).toEqual([
      [busy.id, "has_active_tasks"],
    ]);
    expect(await refusedOf({ kind: "hibernate", force: true }, [busy.id])).toEqual([]);
    expect(await refusedOf({ kind: "resume" }, [child.id])).toEqual([[child.id, "illegal_transition"]]);
    expect(await refusedOf({ kind: "restart" }, [child.id, parent.id, busy.id])).toEqual([]);
    expect((await stage.pool.query("select * from gates order by workspace_id")).rows).toEqual(before.rows);
    expect((await stage.events()).length).toBe(events);
    expect(await asked()).toEqual([]);
    expect(stage.woken).toEqual([]);
  });

  it("of which some can't be asked for tries them again, and gives up on them at last (I7)", async () => {
    const [poisoned, well] = [await stage.online(), await stage.online()];
    await stage.pool.query(`
      create or replace function poison() returns trigger language plpgsql as $$ begin raise 'poisoned'; end $$;
      create or replace trigger poison before insert on operations for each row when (new.workspace_id = '${poisoned.id}')
        execute function poison()`);
    const { id } = await accept({ kind: "restart" }, [poisoned.id, well.id]);
    expect(await stage.run("bulk")).toMatchObject({ failed: 1, accepted: 1 });
    expect((await items(id))[0]).toMatchObject({ state: "pending", error: { code: "internal" } });
    for (let attempt = 2; attempt <= 10; attempt++) await stage.run("bulk");
    expect((await items(id))[0]).toMatchObject({
      state: "refused",
      error: { code: "internal", message: expect.stringContaining("10 attempts") },
    });
    expect(await stage.run("bulk")).toMatchObject({ looked_at: 0 });
  });

  it("asks once even where its worker died before it wrote that down, and the operation has ended since (I6)", async () => {
    const { id: workspace } = await stage.online();
    const { id } = await accept({ kind: "restart" }, [workspace]);
    await stage.pool.query(`
      create or replace function poison() returns trigger language plpgsql as $$ begin raise 'gone'; end $$;
      create or replace trigger poison before update on bulk_items for each row execute function poison()`);
    expect(await stage.run("bulk")).toMatchObject({ failed: 1 });
    await stage.settle();
    await stage.pool.query("drop function poison() cascade");
    expect(await stage.run("bulk")).toMatchObject({ accepted: 1 });
    expect(await countsOf(id)).toEqual({ ...NONE, succeeded: 1 });
    expect(await asked()).toEqual([{ workspace_id: workspace, kind: "restart" }]);
  });

  it("doesn't wait for another, larger one", async () => {
    const { id: mine } = await stage.online();
    const many = Array.from(
      { length: 10_000 },
      (_, n) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
    );
    await accept({ kind: "restart" }, many);
    const { id } = await accept({ kind: "restart" }, [mine]);
    expect(await stage.run("bulk")).toMatchObject({ accepted: 1, refused: 4_999 });
    expect(await countsOf(id)).toEqual({ ...NONE, queued: 1 });
  });

  it("takes what a filter finds, and refuses one that finds too many", async () => {
    const { id } = await stage.online({ labels: { team: "red" } as never });
    await stage.online({ labels: { team: "blue" } as never });
    expect(await workspacesOf(stage.pool, { includeRemoved: false, labels: { team: "red" } })).toEqual([id]);
    await stage.pool.query(
      `insert into workspaces (id, name, backend, spec, labels, status)
       select gen_random_uuid(), 'many', 'process', '{}', '{}', 'failed' from generate_series(1, 10000)`,
    );
    expect(await workspacesOf(stage.pool, { includeRemoved: false, statuses: ["failed"] })).toHaveLength(
      10_000,
    );
    await stage.pool.query(
      `insert into workspaces (id, name, backend, spec, labels, status) values (gen_random_uuid(), 'many', 'process', '{}', '{}', 'failed')`,
    );
    await expect(
      workspacesOf(stage.pool, { includeRemoved: false, statuses: ["failed"] }),
    ).rejects.toMatchObject({ code: "invalid_request", details: { errors: [{ field: "filter" }] } });
  });

  it("is forgotten with its operations, unless some of it is still to be asked for", async () => {
    const { id: one } = await stage.online();
    const done = await accept({ kind: "restart" }, [one]);
    await stage.run("bulk");
    await stage.settle();
    await stage.time.advance(31 * 24 * 3_600_000);
    const open = await accept({ kind: "restart" }, [one]);
    await stage.pool.query("update bulk_operations set created_at = created_at - interval '1 year'");
    await stage.run("retention");
    expect(await getBulk(stage.pool, done.id)).toBeNull();
    expect(await getBulk(stage.pool, open.id)).not.toBeNull();
  });
});
