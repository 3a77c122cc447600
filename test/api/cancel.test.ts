import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null);
});
afterAll(() => api.close());

const online = async (): Promise<string> => {
  const { id } = await api.create();
  await api.finish(id, 1);
  return id;
};
const ask = async (id: string, verb: string): Promise<string> =>
  (await api.call("POST", `/workspaces/${id}/${verb}`)).body.operation.id;
const cancel = (id: string, headers: Record<string, string> = {}) =>
  api.call("POST", `/operations/${id}/cancel`, { headers });
const retry = (id: string, headers: Record<string, string> = {}) =>
  api.call("POST", `/operations/${id}/retry`, { headers });
const status = async (id: string) => (await api.call("GET", `/workspaces/${id}`)).body.status;

describe("POST /operations/:id/cancel", () => {
  it("ends one that waits at once, tells so, and lets the next one in (I2, I7)", async () => {
    const id = await online();
    const restart = await ask(id, "restart");
    const pause = await ask(id, "pause");
    const { status: code, body } = await cancel(restart);
    expect([code, body.state, body.error]).toEqual([
      200,
      "cancelled",
      { code: "operation_cancelled", message: "cancelled by admin", provider_code: null },
    ]);
    expect(await status(id)).toBe("online");
    await api.finish(id, 3);
    expect((await api.call("GET", `/operations/${pause}`)).body.state).toBe("succeeded");
    const events = (await api.call("GET", `/events/${id}`)).body as { event_type: string }[];
    expect(events.map((event) => event.event_type)).toContain("workspace.restart.cancelled");
  });

  it("of a first start leaves the workspace failed, from where a retry is a restart", async () => {
    const { id, operation } = await api.create();
    expect((await cancel(operation.id)).status).toBe(200);
    expect(await status(id)).toBe("failed");
    const again = await retry(operation.id);
    expect(again).toMatchObject({
      status: 202,
      body: { kind: "restart", state: "queued", retry_of: operation.id },
    });
  });

  it("is refused for what has ended, for a delete, and for what another that waits needs", async () => {
    const id = await online();
    const pause = await ask(id, "pause");
    const resume = await ask(id, "resume");
    expect(await cancel(pause)).toMatchObject({
      status: 409,
      body: { code: "not_cancellable", blocked_by: resume },
    });
    expect((await cancel(resume)).status).toBe(200);
    expect((await cancel(resume)).body).toMatchObject({ code: "not_cancellable", state: "cancelled" });
    expect((await cancel(pause)).status).toBe(200);
    const removal = await api.call("DELETE", `/workspaces/${id}`);
    expect((await cancel(removal.body.operation.id)).body).toMatchObject({
      code: "not_cancellable",
      kind: "delete",
    });
    expect((await cancel("0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f")).status).toBe(404);
  });

  it("sent twice with one key is answered the same", async () => {
    const id = await online();
    const restart = await ask(id, "restart");
    const first = await cancel(restart, { "idempotency-key": "cancel-1" });
    const second = await cancel(restart, { "idempotency-key": "cancel-1" });
    expect([second.status, second.body]).toEqual([first.status, first.body]);
  });
});

describe("POST /operations/:id/retry", () => {
  it("is refused for what hasn't failed, and once a later one has succeeded; a key is answered as before", async () => {
    const id = await online();
    const restart = await ask(id, "restart");
    expect((await retry(restart)).body).toMatchObject({ code: "not_retryable", state: "queued" });
    await cancel(restart);
    const again = await retry(restart, { "idempotency-key": "retry-1" });
    expect(again.status).toBe(202);
    await api.finish(id, 3);
    expect((await retry(restart)).body).toMatchObject({
      code: "not_retryable",
      succeeded_since: again.body.id,
    });
    expect((await retry(restart, { "idempotency-key": "retry-1" })).body.id).toBe(again.body.id);
  });

  it("is refused where the workspace no longer allows it", async () => {
    const id = await online();
    const restart = await ask(id, "restart");
    await cancel(restart);
    await api.call("DELETE", `/workspaces/${id}`);
    expect((await retry(restart)).body).toMatchObject({ code: "illegal_transition", status: 409 });
  });
});
