import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null);
});
afterAll(() => api.close());

const nextOf = (headers: Headers) => /^<([^>]+)>; rel="next"$/.exec(headers.get("link") ?? "")?.[1] ?? null;

/** Follows the links to the end; between pages `meanwhile` may change things. */
async function walk(path: string, meanwhile: () => Promise<unknown> = async () => undefined) {
  const ids: string[] = [];
  const sizes: number[] = [];
  for (let next: string | null = path; next !== null; await meanwhile()) {
    const { status, headers, body } = await api.call("GET", next);
    expect(status).toBe(200);
    ids.push(...body.map((row: { id: string }) => row.id));
    sizes.push(body.length);
    next = nextOf(headers);
  }
  return { ids, sizes };
}

describe("the list of workspaces", () => {
  it("comes in pages without loss or repeat, while others come and go", async () => {
    const created: string[] = [];
    for (let i = 0; i < 23; i++) created.push((await api.create({ name: `page-${i}` })).id);
    // Within one millisecond, by the database's clock.
    await api.pool.query(
      "update workspaces set created_at = '2026-01-01T00:00:00.000Z' where id = any ($1)",
      [created.slice(0, 12)],
    );
    const { ids, sizes } = await walk("/workspaces?limit=5", () => api.create({ name: "meanwhile" }));
    expect(ids.filter((id) => created.includes(id)).toSorted()).toEqual(created.toSorted());
    expect(new Set(ids).size).toBe(ids.length);
    expect(sizes.slice(0, -1)).toEqual(sizes.slice(0, -1).map(() => 5));
  });

  it("has no next page after the last row, even if that fills its page", async () => {
    const parent = await api.create();
    for (let i = 0; i < 4; i++) await api.create({ parent_id: parent.id });
    expect((await walk(`/workspaces?parent_id=${parent.id}&limit=2`)).sizes).toEqual([2, 2]);
    expect((await walk(`/workspaces?parent_id=${parent.id}&limit=3`)).sizes).toEqual([3, 1]);
    expect((await walk(`/workspaces?parent_id=${parent.id}`)).sizes).toEqual([4]);
  });

  it("leaves removed ones out unless asked for, and filters by status and parent", async () => {
    const parent = await api.create();
    const gone = await api.create({ parent_id: parent.id });
    const online = await api.create({ parent_id: parent.id });
    const waiting = await api.create({ parent_id: parent.id });
    await api.call("DELETE", `/workspaces/${gone.id}`);
    await api.finish(online.id, 1);
    const list = async (query: string) => (await walk(`/workspaces?parent_id=${parent.id}${query}`)).ids;
    expect(await list("")).toEqual([online.id, waiting.id]);
    expect(await list("&include_removed=true")).toEqual([gone.id, online.id, waiting.id]);
    expect(await list("&include_removed=false")).toEqual([online.id, waiting.id]);
    expect(await list("&status=online")).toEqual([online.id]);
    expect(await list("&status=online,provisioning")).toEqual([online.id, waiting.id]);
    expect(await list("&status=online&status=removed")).toEqual([gone.id, online.id]);
    expect(await list("&status=failed")).toEqual([]);
    // The filters go along to the next page.
    expect(await list("&status=online,provisioning&limit=1")).toEqual([online.id, waiting.id]);
  });
});

describe("the other lists", () => {
  it("give a workspace's operations newest first", async () => {
    const { id, operation } = await api.create();
    await api.finish(id, 1);
    const tickets: string[] = [operation.id];
    for (let ticket = 2; ticket <= 8; ticket++) {
      tickets.push((await api.call("POST", `/workspaces/${id}/restart`)).body.operation.id);
      await api.finish(id, ticket);
    }
    expect(await walk(`/workspaces/${id}/operations?limit=3`)).toEqual({
      ids: tickets.toReversed(),
      sizes: [3, 3, 2],
    });
  });

  it("give events in order of id, from anywhere on, of one type or one workspace", async () => {
    const { id } = await api.create();
    await api.finish(id, 1);
    await api.call("PATCH", `/workspaces/${id}`, { body: { name: "x" } });
    const { body: own } = await api.call("GET", `/events/${id}`);
    expect(own.map((event: { event_type: string }) => event.event_type)).toEqual([
      "workspace.provisioning",
      "workspace.provision.succeeded",
      "workspace.online",
      "workspace.updated",
    ]);
    expect(own[3]).toMatchObject({ workspace_id: id, payload: { fields: ["name"], requested_by: "admin" } });
    const all = await walk("/events?limit=7");
    expect(all.ids).toEqual(all.ids.toSorted((a, b) => Number(a) - Number(b)));
    expect(new Set(all.ids).size).toBe(all.ids.length);
    const { body: rest } = await api.call("GET", `/events?after=${own[1].id}`);
    expect(rest[0].id).toBe(own[2].id);
    const { body: typed } = await api.call("GET", "/events?type=workspace.updated");
    expect(typed.map((event: { id: number }) => event.id)).toEqual([own[3].id]);
    expect((await walk(`/events/${id}?limit=1&type=workspace.online`)).sizes).toEqual([1]);
  });
});
