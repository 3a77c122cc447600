import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null);
});
afterAll(() => api.close());

const online = async (extra: Record<string, unknown> = {}): Promise<string> => {
  const { id } = await api.create(extra);
  await api.finish(id, 1);
  return id;
};
const post = (id: string, verb: string, options: { body?: unknown; headers?: Record<string, string> } = {}) =>
  api.call("POST", `/workspaces/${id}/${verb}`, options);
const suspended = async (verb: "pause" | "hibernate") => {
  const id = await online();
  await post(id, verb);
  await api.finish(id, 2);
  return id;
};

describe.each([
  ["pause", "paused"],
  ["hibernate", "hibernated"],
])("%s", (verb, status) => {
  it("is accepted for the whole tree, and each descendant has an operation of its own", async () => {
    const root = await online();
    const child = await online({ parent_id: root });
    const { status: code, body, headers } = await post(root, verb);
    expect(code).toBe(202);
    expect(headers.get("location")).toBe(`/operations/${body.operation.id}`);
    expect(headers.get("etag")).toBe(`"${body.version}"`);
    expect(body).toMatchObject({
      id: root,
      status: "online",
      cascaded: 1,
      operation: { kind: verb, state: "queued", source: "api", requested_by: "admin" },
      operations: [{ workspace_id: root }, { workspace_id: child, source: "cascade" }],
    });
  });

  it("waits for the whole tree if asked to, and shows the workspace as it then is", async () => {
    const root = await online();
    const child = await online({ parent_id: root });
    const answered = vi.fn<() => void>();
    const waiting = post(root, verb, { headers: { prefer: "wait=30" } }).then((answer) => {
      answered();
      return answer;
    });
    await vi.waitFor(() => api.finish(root, 2), { interval: 20 });
    await vi.waitFor(async () => {
      const { body } = await api.call("GET", `/workspaces/${root}`);
      expect(body.status).toBe(status);
    });
    expect(answered).not.toHaveBeenCalled();
    await api.finish(child, 2);
    const { status: code, body, headers } = await waiting;
    expect([code, headers.get("preference-applied")]).toEqual([200, "wait=30"]);
    expect(body).toMatchObject({
      status,
      operation: { state: "succeeded" },
      operations: [{ state: "succeeded" }, { state: "succeeded" }],
    });
  });

  it("asked again is answered with the one that is under way", async () => {
    const id = await online();
    const first = await post(id, verb);
    const second = await post(id, verb);
    expect(second.status).toBe(202);
    expect(second.body.operation).toMatchObject({ id: first.body.operation.id, coalesced: 2 });
  });

  it("is refused with 409 where it makes no sense, and for what isn't there", async () => {
    const id = await suspended(verb as "pause");
    expect(await post(id, verb)).toMatchObject({ status: 409, body: { code: "illegal_transition" } });
    const { id: provisioning } = await api.create();
    await api.call("DELETE", `/workspaces/${provisioning}`);
    expect((await post(provisioning, verb)).status).toBe(409);
    expect((await post("0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f", verb)).status).toBe(404);
    expect((await post("nothing", verb)).body).toMatchObject({ code: "invalid_id" });
    expect((await post(id, verb, { body: { other: 1 } })).status).toBe(400);
    expect((await post(id, verb, { headers: { "if-match": "1" } })).status).toBe(400);
  });
});

describe("hibernate", () => {
  it("is refused while an agent of the tree is active, with a list of those, unless forced", async () => {
    const root = await online();
    const child = await online({ parent_id: root, name: "busy one" });
    await api.pool.query("update workspaces set active_tasks = 2 where id = $1", [child]);
    const refused = await post(root, "hibernate");
    expect(refused).toMatchObject({
      status: 409,
      body: {
        code: "has_active_tasks",
        retryable: true,
        workspaces: [{ id: child, name: "busy one", active_tasks: 2 }],
      },
    });
    expect((await api.call("GET", `/workspaces/${root}/operations`)).body).toHaveLength(1);
    expect((await post(root, "hibernate", { body: { force: true } })).body.cascaded).toBe(1);
    expect((await post(root, "hibernate", { body: { force: "yes" } })).status).toBe(400);
  });
});

describe.each(["resume", "wake"])("%s", (verb) => {
  it("starts a suspended workspace again, whichever way it was suspended", async () => {
    for (const by of ["pause", "hibernate"] as const) {
      const id = await suspended(by);
      const { status, body, headers } = await post(id, verb);
      expect(status).toBe(202);
      expect(headers.get("location")).toBe(`/operations/${body.operation.id}`);
      expect(body.operation).toMatchObject({ kind: "resume", ticket: 3, state: "queued" });
      const waiting = post(id, verb, { headers: { prefer: "wait=30" } });
      await vi.waitFor(async () => {
        const { body: operation } = await api.call("GET", `/operations/${body.operation.id}`);
        expect(operation.coalesced).toBe(2);
      });
      // As its launch does.
      await api.pool.query("update workspaces set status = 'provisioning' where id = $1", [id]);
      await api.finish(id, 3);
      expect((await waiting).status).toBe(200);
    }
  });

  it("is refused below an ancestor that is suspended, which it names, and for what runs", async () => {
    const root = await online();
    const child = await online({ parent_id: root });
    await post(root, "pause");
    await api.finish(root, 2);
    await api.finish(child, 2);
    expect(await post(child, verb)).toMatchObject({
      status: 409,
      body: { code: "ancestor_suspended", workspace_id: root, workspace_status: "paused" },
    });
    expect((await post(await online(), verb)).body).toMatchObject({ code: "illegal_transition" });
  });
});
