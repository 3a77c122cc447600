import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null);
});
afterAll(() => api.close());

const why = async (id: string) => (await api.call("GET", `/workspaces/${id}/why`)).body;

describe("GET /workspaces/:id/why", () => {
  it("names the operation that waits for a worker, and how many wait behind it", async () => {
    const { id, operation } = await api.create();
    await api.call("POST", `/workspaces/${id}/restart`);
    expect(await why(id)).toMatchObject({
      summary: expect.stringContaining("waits for a worker"),
      status: "provisioning",
      waits_for: "worker",
      operation: { id: operation.id, kind: "provision", state: "queued", waiting_behind: 1 },
      obligations: [],
    });
  });

  it("tells the last error, and when it is tried again", async () => {
    const { id } = await api.create();
    await api.pool.query(
      `update operations set state = 'running', attempt = 2, next_attempt_at = '2030-01-01', phase = 'launch',
         started_at = now(), error = '{"code": "provider_error", "message": "no room", "provider_code": "E7"}'
       where workspace_id = $1`,
      [id],
    );
    const body = await why(id);
    expect(body).toMatchObject({
      waits_for: "retry",
      operation: {
        attempt: 2,
        max_attempts: 5,
        phase: "launch",
        next_attempt_at: "2030-01-01T00:00:00.000Z",
      },
      last_error: { code: "provider_error", message: "no room", provider_code: "E7" },
    });
    expect(body.summary).toContain("no room");
  });

  it("says of one that is where it should be that nothing is awaited, and of a failed one who must act", async () => {
    const { id } = await api.create();
    await api.finish(id, 1);
    expect(await why(id)).toMatchObject({ status: "online", operation: null, waits_for: null });
    const { id: failed } = await api.create();
    await api.finish(failed, 1, { code: "provider_error", message: "no" });
    expect(await why(failed)).toMatchObject({ status: "failed", waits_for: "operator" });
  });

  it("lists what of a removed one isn't proven gone", async () => {
    const { id } = await api.create();
    await api.finish(id, 1);
    await api.call("DELETE", `/workspaces/${id}`);
    await api.finish(id, 2, { code: "terminate_retry_exhausted", message: "it would not stop" });
    await api.pool.query(
      `insert into resources (id, workspace_id, kind, backend, name, client_token, provider_id, generation, state)
       values (gen_random_uuid(), $1, 'instance', 'process', 'x', 't', 'p-1', 1, 'releasing')`,
      [id],
    );
    expect(await why(id)).toMatchObject({
      status: "removed",
      waits_for: "sweep",
      obligations: [{ kind: "instance", provider_id: "p-1", attempts: 0 }],
    });
  });

  it("tells an id that isn't one from one that isn't there", async () => {
    expect(await why("x")).toMatchObject({ code: "invalid_id" });
    expect(await why(randomUUID())).toMatchObject({ code: "workspace_not_found", status: 404 });
  });
});
