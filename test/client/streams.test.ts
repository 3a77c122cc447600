import { type Client, type ClientOptions, createClient, type LogMessage, type Trouble } from "@berth/client";
import { insertTestEvents } from "../support/events.js";
import { transaction } from "@berth/core/db/pool";
import { readConfig } from "@berth/core/config/config";
import { createLogger } from "@berth/core/base/logger";
import { startApi } from "@berth/api/start";
import { startWorker } from "@berth/worker/start";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { KEY, startTestApi, type TestApi } from "../api/api.js";
import { fleetEnvironment } from "../support/fleet.js";
import { createRecordedBackend, type RecordedBackend } from "../support/recorded-backend.js";
import { startWire, type Wire } from "./wire.js";

let api: TestApi;
let wire: Wire;
beforeAll(async () => {
  api = await startTestApi(null);
});
beforeEach(async () => {
  wire = await startWire(api.url);
});
afterEach(() => wire[Symbol.asyncDispose]());
afterAll(() => api.close());

const SOON = { interval: 10 };
/** A client on the wire, and when its streams were answered. */
function watched(options: Partial<ClientOptions> = {}) {
  const troubles: Trouble[] = [];
  const seen = { answered: 0 };
  const berth = createClient({
    url: wire.url,
    key: KEY,
    retry: { baseMs: 10, mostMs: 50 },
    onRetry: (trouble) => troubles.push(trouble),
    fetch: async (request, init) => {
      const response = await fetch(request, init);
      seen.answered++;
      return response;
    },
    ...options,
  });
  return { berth, troubles, seen };
}
/** Gathers what comes, until the test is over. */
function gather<T>(start: (signal: AbortSignal) => AsyncIterable<T>) {
  const leave = new AbortController();
  const got: T[] = [];
  const ended = (async () => {
    for await (const one of start(leave.signal)) got.push(one);
  })();
  ended.catch(() => undefined);
  onTestFinished(() => leave.abort(new Error("the test is over")));
  return { got, ended, leave };
}

describe("events()", () => {
  beforeEach(() => api.pool.query("delete from structure_events"));
  const event = (n: number) => ({ event_type: "sweep.paused", workspace_id: null, payload: { n } });
  const happen = (...numbers: number[]) =>
    transaction(api.pool, (tx) => insertTestEvents(tx, numbers.map(event)));
  const following = (berth: Client, after?: number) => {
    const { got, ...rest } = gather((signal) =>
      berth.events({ types: ["sweep.paused"], signal, ...(after === undefined ? {} : { after }) }),
    );
    return { ...rest, numbers: () => got.map(({ payload }) => payload["n"]) };
  };

  it("tells each event once and in order, over connections that are cut again and again", async () => {
    const { berth } = watched();
    await happen(1, 2);
    const { numbers } = following(berth, 0);
    for (let n = 3; n <= 30; n++) {
      await happen(n);
      if (n % 4 === 0) {
        const { made } = wire;
        wire.cut();
        // The next one is to cut a connection that has begun, however fast all else is.
        await expect.poll(() => wire.made, SOON).toBeGreaterThan(made);
      }
      if (n % 10 === 0) await expect.poll(() => numbers().length, SOON).toBe(n);
    }
    expect(numbers()).toEqual(Array.from({ length: 30 }, (_, n) => n + 1));
    expect(wire.made).toBeGreaterThan(5);
  });

  it("tells again what a cut left half told, and once", async () => {
    const { berth } = watched();
    await happen(1, 2, 3);
    wire.cutAfter('"payload":{"n":2');
    const { numbers } = following(berth, 0);
    await expect.poll(numbers, SOON).toEqual([1, 2, 3]);
    expect(wire.made).toBe(2);
  });

  it("tells what happened while nothing could be reached, even if nothing had come before", async () => {
    const { berth, seen, troubles } = watched();
    await happen(1);
    const { numbers } = following(berth);
    await expect.poll(() => seen.answered, SOON).toBe(1);
    wire.broken = true;
    wire.cut();
    await happen(2, 3);
    await expect.poll(() => troubles.length, SOON).toBeGreaterThan(5);
    expect(numbers()).toEqual([]);
    wire.broken = false;
    await expect.poll(numbers, SOON).toEqual([2, 3]);
  });

  it("goes on with another API process when its own ends (I11)", async () => {
    const config = readConfig(
      "api",
      fleetEnvironment(api.databaseUrl, null, { PORT: "0", HOST: "127.0.0.1" }),
    );
    const logger = createLogger(config, "test");
    const other = await startApi({ config, pool: api.pool, queues: api.queues, logger });
    wire.leadTo(other.url);
    const { berth } = watched();
    await happen(1);
    const { numbers } = following(berth, 0);
    await expect.poll(numbers, SOON).toEqual([1]);
    wire.leadTo(api.url);
    await other.close();
    await happen(2);
    await expect.poll(numbers, SOON).toEqual([1, 2]);
  });

  it("says so when what was missed is no longer kept, and goes on if that is all right", async () => {
    const { berth } = watched();
    await happen(1, 2, 3);
    const ids: number[] = [];
    for await (const { id } of berth.rows("/events")) ids.push(id);
    await api.pool.query("delete from structure_events where id <= $1", [ids[1]]);
    await expect(following(berth, ids[0]!).ended).rejects.toMatchObject({ code: "gap" });
    let gaps = 0;
    const { got } = gather((signal) => berth.events({ after: ids[0]!, onGap: () => gaps++, signal }));
    await expect.poll(() => got.map(({ payload }) => payload["n"]), SOON).toEqual([3]);
    expect(gaps).toBe(1);
  });

  it("ends with unauthorized once its key is revoked", async () => {
    const { berth: admin } = watched();
    const { data: made } = await admin.POST("/keys", { body: { name: "short", scope: "viewer" } });
    const { berth, seen } = watched({ key: made.key });
    const { ended } = following(berth);
    await expect.poll(() => seen.answered, SOON).toBe(1);
    await admin.DELETE("/keys/{id}", { params: { path: { id: made.id } } });
    await expect(ended).rejects.toMatchObject({ code: "unauthorized", status: 401 });
  });

  it("last longer than a request may take", async () => {
    const { berth, seen } = watched({ timeoutMs: 100 });
    const { numbers } = following(berth, 0);
    await expect.poll(() => seen.answered, SOON).toBe(1);
    const { id } = await api.create();
    await expect(berth.waitFor(id, "online", { timeoutMs: 300 })).rejects.toMatchObject({
      code: "timed_out",
    });
    await happen(1);
    await expect.poll(numbers, SOON).toEqual([1]);
    expect(seen.answered, "over the same connection").toBe(1);
  });

  it("end when their caller leaves, also once the request is forgotten by all", async () => {
    const { berth, seen } = watched();
    const { ended, leave } = following(berth);
    await expect.poll(() => seen.answered, SOON).toBe(1);
    setFlagsFromString("--expose-gc");
    for (let round = 0; round < 5; round++) {
      runInNewContext("gc")();
      await new Promise((resolve) => setImmediate(resolve));
    }
    leave.abort(new Error("enough"));
    await expect(ended).rejects.toThrow("enough");
  });

  it("can't begin where Berth isn't, and ends with the caller's own reason", async () => {
    const { berth, seen } = watched();
    wire.broken = true;
    await expect(following(berth).ended).rejects.toMatchObject({ code: "unreachable" });
    wire.broken = false;
    const { ended, leave } = following(berth);
    await expect.poll(() => seen.answered, SOON).toBe(1);
    leave.abort(new Error("enough"));
    await expect(ended).rejects.toThrow("enough");
  });
});

describe("logs()", () => {
  let backend: RecordedBackend;
  let closeWorker: () => Promise<void>;
  let written: string[] = [];
  beforeAll(async () => {
    backend = await createRecordedBackend(api.pool);
    const worker = startWorker({
      config: readConfig("worker", fleetEnvironment(api.databaseUrl, null)),
      pool: api.pool,
      queues: api.queues,
      backends: new Map([["process", backend]]),
      logger: createLogger({ logLevel: "silent" }, "test"),
    });
    closeWorker = () => worker.close();
    backend.faults.onLogs = (_, { tail, since }) => {
      const fresh = written.slice(Number(since ?? 0));
      const lines = fresh.slice(-tail).map((text) => ({ stream: "stdout" as const, time: null, text }));
      return { lines, cursor: String(written.length), truncated: lines.length < fresh.length };
    };
  });
  beforeEach(() => {
    written = [];
  });
  afterAll(() => closeWorker());

  const running = async (berth: Client): Promise<string> => {
    const { data } = await berth.POST("/workspaces", {
      params: { header: { prefer: "wait=30" } },
      body: { name: "w", spec: { command: ["x"], readiness: "running" } },
    });
    expect(data.status).toBe("online");
    return data.id;
  };
  const told = (messages: readonly LogMessage[]) =>
    messages.map((message) =>
      message.type === "line" ? message.text : message.type === "started" ? message.generation : message.type,
    );

  it("gives the last lines, and what wrote them", async () => {
    const { berth } = watched();
    const id = await running(berth);
    written = ["one", "two", "three"];
    const { got, ended } = gather((signal) => berth.logs(id, { tail: 2, signal }));
    await ended;
    expect(got).toEqual([
      { type: "started", backend: "process", generation: 1 },
      { type: "line", stream: "stdout", time: null, text: "two" },
      { type: "line", stream: "stdout", time: null, text: "three" },
    ]);
  });

  it("follows each line once over cuts, even in the middle of what came at once, to the removal", async () => {
    const { berth } = watched();
    const id = await running(berth);
    written = ["a1", "a2", "a3"];
    wire.cutAfter('"text":"a2"}');
    const { got, ended } = gather((signal) => berth.logs(id, { follow: true, signal }));
    await expect.poll(() => told(got), SOON).toEqual([1, "a1", "a2", "a3"]);
    wire.cut();
    written.push("b1", "b2");
    wire.cutAfter('"text":"b1"}');
    await expect.poll(() => told(got), SOON).toEqual([1, "a1", "a2", "a3", "b1", "b2"]);
    await berth.DELETE("/workspaces/{id}", {
      params: { path: { id }, header: { prefer: "wait=30" } },
    });
    await ended;
    expect(told(got)).toEqual([1, "a1", "a2", "a3", "b1", "b2"]);
  });

  it("goes on with the next incarnation after a restart", async () => {
    const { berth } = watched();
    const id = await running(berth);
    written = ["old"];
    const { got } = gather((signal) => berth.logs(id, { follow: true, signal }));
    await expect.poll(() => told(got), SOON).toEqual([1, "old"]);
    await berth.POST("/workspaces/{id}/restart", { params: { path: { id }, header: { prefer: "wait=30" } } });
    written = ["new"];
    await expect.poll(() => told(got), SOON).toEqual([1, "old", 2, "new"]);
  });
});
