import { randomUUID } from "node:crypto";
import { listOperations } from "@berth/core/db/operation-lists";
import { intendResource, markPresent } from "@berth/core/db/resources";
import { transaction } from "@berth/core/db/pool";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROCESS_SPEC, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null);
});
afterAll(() => api.close());

const tree = async () => {
  const root = await api.create({ name: "root" });
  const child = await api.create({ name: "child", parent_id: root.id });
  const grandchild = await api.create({ name: "grandchild", parent_id: child.id });
  return { root, child, grandchild };
};
/** Writes down a volume, so that the workspace owes something. */
const addVolume = (workspaceId: string) =>
  transaction(api.pool, async (tx) => {
    const volume = {
      id: randomUUID(),
      workspace_id: workspaceId,
      kind: "volume" as const,
      backend: "process" as const,
      place: "process",
      name: `ws-${workspaceId}`,
      client_token: "token",
      generation: 1,
    };
    await intendResource(tx, volume);
    await markPresent(tx, volume.id, "/somewhere");
    return volume.id;
  });

describe("creating a workspace", () => {
  it("is answered with the workspace, its operation and where to follow it", async () => {
    const answer = await api.call("POST", "/workspaces", {
      body: {
        name: "echo",
        labels: { team: "red" },
        spec: PROCESS_SPEC,
        hibernate_after_minutes: 30,
        expires_at: "2126-11-24T10:30:00.5+01:00",
      },
    });
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: "echo",
      parent_id: null,
      backend: "process",
      place: "process",
      place_labels: {},
      may_move: false,
      spec: PROCESS_SPEC,
      labels: { team: "red" },
      status: "provisioning",
      status_reason: null,
      generation: 0,
      instance_id: null,
      url: null,
      version: 1,
      last_heartbeat_at: null,
      active_tasks: 0,
      error_rate: 0,
      last_launched_at: null,
      hibernate_after_minutes: 30,
      expires_at: "2126-11-24T09:30:00.500Z",
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      updated_at: expect.any(String),
      next_restart_at: null,
      removed_at: null,
      operation: {
        id: expect.any(String),
        workspace_id: answer.body.id,
        ticket: 1,
        kind: "provision",
        state: "queued",
        generation: null,
        source: "api",
        requested_by: "admin",
        coalesced: 1,
        part_of: null,
        trace_id: null,
        attempt: 0,
        max_attempts: 5,
        next_attempt_at: null,
        phase: null,
        cancel_requested_at: null,
        retry_of: null,
        error: null,
        created_at: expect.any(String),
        started_at: null,
        finished_at: null,
      },
    });
    expect(answer.headers.get("location")).toBe(`/operations/${answer.body.operation.id}`);
    const followed = await api.call("GET", answer.headers.get("location")!);
    expect(followed).toMatchObject({ status: 200, body: answer.body.operation });
  });

  it("adds the job under the id made of workspace and ticket", async () => {
    const { id, operation } = await api.create();
    expect((await api.queues.operationsOf("process").getJob(`${id}-1`))?.data).toMatchObject({
      operationId: operation.id,
    });
  });

  it("under a parent that isn't, or is removed, is refused", async () => {
    const body = { name: "w", spec: PROCESS_SPEC, parent_id: randomUUID() };
    expect(await api.call("POST", "/workspaces", { body })).toMatchObject({
      status: 404,
      body: { code: "workspace_not_found", field: "parent_id" },
    });
    const { id } = await api.create();
    await api.call("DELETE", `/workspaces/${id}`);
    expect(await api.call("POST", "/workspaces", { body: { ...body, parent_id: id } })).toMatchObject({
      status: 409,
      body: { code: "parent_removed", field: "parent_id" },
    });
  });
});

describe("changing a workspace", () => {
  it("replaces what is given, and only under the version that was read", async () => {
    const { id } = await api.create({ labels: { a: "1", b: "2" } });
    const read = await api.call("GET", `/workspaces/${id}`);
    expect(read.headers.get("etag")).toBe('"1"');
    const patch = (ifMatch: string, body: object) =>
      api.call("PATCH", `/workspaces/${id}`, { body, headers: { "if-match": ifMatch } });

    const changed = await patch('"1"', { labels: { c: "3" }, name: " renamed " });
    expect(changed).toMatchObject({
      status: 200,
      body: { name: "renamed", labels: { c: "3" }, version: 2, spec: PROCESS_SPEC },
    });
    expect(changed.headers.get("etag")).toBe('"2"');
    expect(await patch('"1"', { name: "lost" })).toMatchObject({
      status: 412,
      body: { code: "precondition_failed", version: 2, retryable: false },
    });
    expect(await patch("*", { hibernate_after_minutes: 5 })).toMatchObject({
      status: 200,
      body: { version: 3 },
    });
    expect(await patch("*", { expires_at: "2020-01-01T00:00:00Z" }), "in the past").toMatchObject({
      status: 400,
      body: { code: "invalid_request", errors: [{ field: "expires_at" }] },
    });
    expect(await patch('"3"', { hibernate_after_minutes: null, spec: { command: ["true"] } })).toMatchObject({
      body: { name: "renamed", hibernate_after_minutes: null, spec: { command: ["true"] } },
    });
    for (const bad of ["3", 'W/"3"', '"3", "4"', "x"])
      expect(await patch(bad, { name: "no" }), bad).toMatchObject({
        status: 400,
        body: { errors: [{ field: "If-Match" }] },
      });
  });

  it("of two that read the same version lets one win", async () => {
    const { id } = await api.create();
    const answers = await Promise.all(
      ["a", "b", "c", "d"].map((name) =>
        api.call("PATCH", `/workspaces/${id}`, { body: { name }, headers: { "if-match": '"1"' } }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412, 412, 412]);
  });

  it("refuses an empty change, a spec that its backend can't run, and a removed workspace", async () => {
    const { id } = await api.create();
    const patch = (body: object) => api.call("PATCH", `/workspaces/${id}`, { body });
    expect(await patch({})).toMatchObject({ status: 400, body: { errors: [{ field: "body" }] } });
    expect(await patch({ status: "online" })).toMatchObject({
      status: 400,
      body: { errors: [{ field: "status" }] },
    });
    expect(await patch({ name: null })).toMatchObject({ status: 400, body: { errors: [{ field: "name" }] } });
    expect(await patch({ spec: {} })).toMatchObject({
      status: 400,
      body: { errors: [{ field: "spec.command" }] },
    });
    await api.call("DELETE", `/workspaces/${id}`);
    expect(await patch({ name: "x" })).toMatchObject({
      status: 409,
      body: { code: "illegal_transition", status: 409, workspace_status: "removed" },
    });
  });

  it("is seen by who asks with the ETag that they have", async () => {
    const { id } = await api.create();
    const read = (tag: string) => api.call("GET", `/workspaces/${id}`, { headers: { "if-none-match": tag } });
    expect(await read('"1"')).toMatchObject({ status: 304, body: "" });
    expect((await read('W/"1"')).status).toBe(304);
    expect((await read('"0", "2"')).status).toBe(200);
    await api.call("PATCH", `/workspaces/${id}`, { body: { name: "new" } });
    expect((await read('"1"')).status).toBe(200);
  });
});

describe("restarting a workspace", () => {
  it("answers equal calls with the one operation that serves them (I2)", async () => {
    const { id } = await api.create();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => api.call("POST", `/workspaces/${id}/restart`)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map(({ body }) => body.operation.id)).size).toBe(1);
    const [restart] = await listOperations(api.pool, { workspaceId: id, limit: 10 });
    expect(restart).toMatchObject({ kind: "restart", coalesced: 10, id: answers[0]!.body.operation.id });
  });

  it("is refused while busy if asked so, with what is in its way", async () => {
    const { id, operation } = await api.create();
    const answer = await api.call("POST", `/workspaces/${id}/restart`, { body: { if_busy: "reject" } });
    expect(answer).toMatchObject({
      status: 409,
      body: { code: "busy", operation_id: operation.id, retryable: true },
    });
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  it("takes no body, an empty one or a JSON one, and nothing that it doesn't know", async () => {
    const { id } = await api.create();
    const restart = (options: object) => api.call("POST", `/workspaces/${id}/restart`, options);
    const headers = { "content-type": "application/json" };
    for (const options of [{}, { headers }, { body: "" }, { body: {} }, { body: { if_busy: "coalesce" } }])
      expect((await restart(options)).status, JSON.stringify(options)).toBe(202);
    expect(await restart({ body: { if_busy: "queue" } })).toMatchObject({
      status: 400,
      body: { errors: [{ field: "if_busy", expected: "one of coalesce, reject" }] },
    });
    expect((await restart({ body: { force: true } })).status).toBe(400);
    expect((await restart({ headers: { "if-match": "1" } })).status).toBe(400);
  });

  it("of a removed one is refused with both states", async () => {
    const { id } = await api.create();
    await api.call("DELETE", `/workspaces/${id}`);
    const answer = await api.call("POST", `/workspaces/${id}/restart`);
    expect(answer.body).toEqual({
      type: "urn:berth:problem:illegal_transition",
      title: expect.any(String),
      status: 409,
      detail: "a workspace that is removed can't be asked to restart",
      code: "illegal_transition",
      retryable: false,
      instance: `/workspaces/${id}/restart`,
      request_id: answer.headers.get("x-request-id"),
      workspace_status: "removed",
      status_when_reached: "removed",
      wanted: "restart",
      accepted_from: expect.arrayContaining(["online", "offline"]),
    });
  });
});

describe("deleting a workspace", () => {
  it("with children is refused with their list, and nothing is changed", async () => {
    const { root, child, grandchild } = await tree();
    const answer = await api.call("DELETE", `/workspaces/${root.id}`);
    expect(answer).toMatchObject({ status: 409, body: { code: "has_children", retryable: false } });
    expect(answer.body.children).toEqual([
      { id: child.id, name: "child", parent_id: root.id, status: "provisioning" },
      { id: grandchild.id, name: "grandchild", parent_id: child.id, status: "provisioning" },
    ]);
    expect((await api.call("GET", `/workspaces/${root.id}`)).body.status).toBe("provisioning");
  });

  it.each(["cascade", "confirm"])("with ?%s=true removes the tree, one operation each", async (parameter) => {
    const { root, child, grandchild } = await tree();
    const answer = await api.call("DELETE", `/workspaces/${root.id}?${parameter}=true`);
    expect(answer).toMatchObject({
      status: 202,
      body: {
        id: root.id,
        status: "removed",
        cascade_deleted: 2,
        purged: false,
        operation: { kind: "delete", source: "api" },
      },
    });
    expect(
      answer.body.operations.map((operation: { workspace_id: string }) => operation.workspace_id),
    ).toEqual([root.id, child.id, grandchild.id]);
    expect(answer.headers.get("location")).toBe(`/operations/${answer.body.operation.id}`);
    for (const { id } of [root, child, grandchild])
      expect((await api.call("GET", `/workspaces/${id}`)).body).toMatchObject({ status: "removed" });
  });

  it("again drives what is unfinished, and once nothing is left says so", async () => {
    const { root, child } = await tree();
    await addVolume(child.id);
    const first = await api.call("DELETE", `/workspaces/${root.id}?cascade=true`);
    const second = await api.call("DELETE", `/workspaces/${root.id}`);
    expect(second).toMatchObject({
      status: 202,
      body: { cascade_deleted: 0, operation: { id: first.body.operation.id } },
    });
    for (const { workspace_id, ticket } of first.body.operations) await api.finish(workspace_id, ticket);

    // The child's volume is not proven gone, so its delete is driven again; the root owes nothing.
    const third = await api.call("DELETE", `/workspaces/${root.id}`);
    expect(third).toMatchObject({
      status: 202,
      body: { operation: null, operations: [{ workspace_id: child.id }] },
    });
    expect(third.headers.get("location")).toBe(`/operations/${third.body.operations[0].id}`);
    await api.finish(child.id, third.body.operations[0].ticket);
    await api.pool.query("update resources set state = 'gone', gone_at = now() where workspace_id = $1", [
      child.id,
    ]);

    const last = await api.call("DELETE", `/workspaces/${root.id}`);
    expect(last).toMatchObject({
      status: 200,
      body: { status: "removed", cascade_deleted: 0, operation: null, operations: [] },
    });
    expect(last.headers.get("location")).toBeNull();
  });

  it("with ?purge=true deletes the rows once all is done; ledger and events stay readable", async () => {
    const { id } = await api.create();
    expect(await api.call("DELETE", `/workspaces/${id}?purge=true`)).toMatchObject({
      status: 409,
      body: { code: "not_purgeable", retryable: true },
    });
    await addVolume(id);
    const { body } = await api.call("DELETE", `/workspaces/${id}`);
    await api.finish(id, body.operation.ticket);
    await api.pool.query("update resources set state = 'gone', gone_at = now() where workspace_id = $1", [
      id,
    ]);
    expect(await api.call("DELETE", `/workspaces/${id}?purge=true`)).toMatchObject({
      status: 200,
      body: { purged: true, operation: null },
    });
    expect((await api.call("GET", `/workspaces/${id}`)).status).toBe(404);
    expect((await api.call("GET", `/workspaces/${id}/operations`)).status).toBe(404);
    expect((await api.call("GET", `/workspaces/${id}/resources`)).body).toMatchObject([
      { kind: "volume", state: "gone" },
    ]);
    const events = await api.call("GET", `/events/${id}`);
    expect(events.body.map((event: { event_type: string }) => event.event_type)).toContain(
      "workspace.removed",
    );
    expect(await api.call("GET", `/events/${id}?after=${events.body.at(-1).id}`)).toMatchObject({
      status: 200,
      body: [],
    });
  });
});

describe("secrets", () => {
  it("never leave: no answer has a token's hash", async () => {
    const { id } = await api.create();
    await api.pool.query("update workspaces set token_hash = '\\xc0ffee' where id = $1", [id]);
    for (const path of [
      `/workspaces/${id}`,
      "/workspaces",
      `/workspaces/${id}/operations`,
      `/events/${id}`,
    ]) {
      const text = JSON.stringify((await api.call("GET", path)).body);
      expect(text, path).not.toMatch(/token|c0ffee|fence|client_token/);
    }
  });
});
