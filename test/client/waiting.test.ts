import { type Client, createClient } from "@berth/client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { KEY, startTestApi, type TestApi } from "../api/api.js";
import { startWire } from "./wire.js";

let api: TestApi;
let berth: Client;
beforeAll(async () => {
  api = await startTestApi(null);
  berth = createClient({ url: api.url, key: KEY, retry: { baseMs: 10 } });
});
afterAll(() => api.close());

it("waitFor resolves when the workspace has one of the statuses, over a cut connection (I11)", async () => {
  await using wire = await startWire(api.url);
  const far = createClient({ url: wire.url, key: KEY, retry: { baseMs: 10 } });
  const { id } = await api.create();
  const waiting = far.waitFor({ id }, ["online", "failed"]);
  await expect.poll(() => wire.requests).toBe(1);
  wire.cut();
  await expect.poll(() => wire.requests).toBe(2);
  await api.finish(id, 1);
  expect(await waiting).toMatchObject({ id, status: "online" });
});

it("waitFor ends at its deadline and says how far the workspace is, and at the caller's signal", async () => {
  const { id } = await api.create();
  // One look fits in, and the wait for the next one doesn't.
  await expect(berth.waitFor(id, "online", { timeoutMs: 300 })).rejects.toMatchObject({
    code: "timed_out",
    detail: `waited 0.3 s for workspace ${id} to be online`,
  });
  const leave = new AbortController();
  const waiting = berth.waitFor(id, "online", { signal: leave.signal });
  leave.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
});

it("waitFor doesn't wait for what never comes: the workspace is removed", async () => {
  const { id } = await api.create();
  const refused = berth.waitFor(id, "online").catch((error: unknown) => error);
  await berth.DELETE("/workspaces/{id}", { params: { path: { id } } });
  expect(await refused).toMatchObject({ code: "removed" });
  expect((await berth.waitFor(id, "removed")).status).toBe("removed");
});

it("waitForOperation resolves with the operation as it ended, however it did", async () => {
  const { id, operation } = await api.create();
  const waiting = berth.waitForOperation(operation);
  await api.finish(id, 1);
  expect(await waiting).toMatchObject({ id: operation.id, state: "succeeded" });
  const { data: restarted } = await berth.POST("/workspaces/{id}/restart", { params: { path: { id } } });
  const failing = berth.waitForOperation(restarted.operation.id);
  await api.finish(id, 2, { code: "provider_error", message: "no capacity" });
  expect(await failing).toMatchObject({ state: "failed", error: { message: "no capacity" } });
});

it("waitForOperation ends at its deadline; the operation goes on (I11)", async () => {
  const { id, operation } = await api.create();
  await expect(berth.waitForOperation(operation, { timeoutMs: 200 })).rejects.toMatchObject({
    code: "timed_out",
  });
  await api.finish(id, 1);
  expect((await berth.waitForOperation(operation)).state).toBe("succeeded");
});

it("a wait is over as soon as the operation is, and asks once for it", async () => {
  let asked = 0;
  const counting = createClient({
    url: api.url,
    key: KEY,
    fetch: (request, init) => {
      asked++;
      return fetch(request, init);
    },
  });
  const { id, operation } = await api.create();
  const waiting = counting.waitForOperation(operation);
  await expect.poll(() => asked).toBe(1);
  await api.finish(id, 1);
  await waiting;
  expect(asked).toBe(1);
});
