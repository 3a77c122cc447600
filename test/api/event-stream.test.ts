import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createEventFeed } from "@berth/api/live/feed";
import { openStream, type StreamOptions } from "@berth/api/live/stream";
import { openSignals } from "@berth/api/live/signals";
import { insertTestEvents } from "../support/events.js";
import { transaction } from "@berth/core/db/pool";
import { createLogger } from "@berth/core/base/logger";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { KEY, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null, { BERTH_MAX_STREAMS: "20" });
});
beforeEach(() => api.pool.query("delete from structure_events"));
afterAll(() => api.close());

interface Followed {
  /** What has come: events as their payload's `n`, or the names of other messages. */
  seen: (number | string)[];
  ids: string[];
  ended: Promise<void>;
  stop(): void;
}

/** Reads a stream until it ends or is stopped. */
async function follow(
  query = "",
  { url = api.url, key = KEY, lastId }: { url?: string; key?: string; lastId?: string } = {},
): Promise<Followed> {
  const leave = new AbortController();
  onTestFinished(() => leave.abort());
  const response = await fetch(`${url}/events/stream${query}`, {
    headers: { authorization: `Bearer ${key}`, ...(lastId === undefined ? {} : { "last-event-id": lastId }) },
    signal: leave.signal,
  });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const followed: Followed = { seen: [], ids: [], ended: Promise.resolve(), stop: () => leave.abort() };
  const read = async (): Promise<void> => {
    let rest = "";
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const messages = (rest + chunk).split("\n\n");
      rest = messages.pop()!;
      for (const message of messages) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(message)?.[1];
        const data = field("data");
        if (field("event") !== undefined)
          followed.seen.push(`${field("event")} ${JSON.parse(data!).reason as string}`);
        else if (data !== undefined) {
          followed.ids.push(field("id")!);
          followed.seen.push(JSON.parse(data).payload.n as number);
        }
      }
    }
  };
  followed.ended = read().catch(() => undefined);
  return followed;
}

const event = (n: number, more: { type?: string; workspaceId?: string } = {}) => ({
  event_type: more.type ?? "test.happened",
  workspace_id: more.workspaceId ?? null,
  payload: { n },
});
const happen = (...events: ReturnType<typeof event>[]) =>
  transaction(api.pool, (tx) => insertTestEvents(tx, events));
const eventually = async (read: () => unknown, wanted: unknown) => {
  await expect.poll(read, { interval: 10 }).toEqual(wanted);
};

describe("GET /events/stream", () => {
  it("tells each event as it happens, each once", async () => {
    const { seen, ids } = await follow();
    for (let n = 0; n < 20; n++) await happen(event(n));
    await eventually(
      () => seen,
      Array.from({ length: 20 }, (_, n) => n),
    );
    expect(new Set(ids).size).toBe(20);
  });

  it("resumes after the last id, with none lost and none repeated, also those committed late", async () => {
    const first = await follow();
    await happen(event(1));
    // Its id is given before those that follow, and its commit comes after them.
    const late = await api.pool.connect();
    await late.query("begin");
    await insertTestEvents(late, [event(2)]);
    await happen(event(3));
    await eventually(() => first.seen, [1, 3]);
    first.stop();
    await late.query("commit");
    late.release();
    await happen(event(4));
    const { seen } = await follow("", { lastId: first.ids.at(-1)! });
    await eventually(() => seen, [2, 4]);
    await happen(event(5));
    await eventually(() => seen, [2, 4, 5]);
  });

  it("begins with all there is after 0, over many pages, and goes on with what happens meanwhile", async () => {
    await happen(...Array.from({ length: 1_700 }, (_, n) => event(n)));
    const following = follow("", { lastId: "0" });
    await happen(event(1_700), event(1_701));
    const { seen } = await following;
    await eventually(() => seen.length, 1_702);
    expect(seen).toEqual(Array.from({ length: 1_702 }, (_, n) => n));
  });

  it("tells after which id a stream begins that begins now, so that it can be gone on with from there", async () => {
    const beginning = async (headers: Record<string, string>) => {
      const leave = new AbortController();
      const response = await fetch(`${api.url}/events/stream`, {
        headers: { authorization: `Bearer ${KEY}`, ...headers },
        signal: leave.signal,
      });
      leave.abort();
      return response.headers.get("last-event-id");
    };
    expect(await beginning({})).toBe("0");
    await happen(event(1), event(2));
    const lastId = (await beginning({}))!;
    await happen(event(3));
    const { seen } = await follow("", { lastId });
    await eventually(() => seen, [3]);
    expect(await beginning({ "last-event-id": lastId })).toBeNull();
  });

  it("says so when what it would resume from is no longer kept", async () => {
    await happen(event(1), event(2));
    const { rows } = await api.pool.query<{ id: number }>("select max(id) as id from structure_events");
    await api.pool.query("delete from structure_events where id < $1", [rows[0]!.id]);
    const { seen } = await follow("", { lastId: String(rows[0]!.id - 1) });
    await eventually(() => seen, ["gap events are kept for a limited time", 2]);
  });

  it("tells only what its filters let through", async () => {
    const red = await api.create({ labels: { team: "red", tier: "a,b" } });
    const blue = await api.create({ labels: { team: "blue" } });
    await api.pool.query("delete from structure_events");
    const streams = {
      workspace: await follow(`?workspace_id=${red.id}`),
      types: await follow("?type=sweep.paused&type=sweep.resumed"),
      label: await follow("?label=team:red"),
      labels: await follow("?label=team:red&label=tier:a,b"),
      none: await follow("?label=team:green"),
      both: await follow("?label=team:blue&type=sweep.resumed"),
    };
    await happen(
      event(1, { workspaceId: red.id, type: "sweep.paused" }),
      event(2, { workspaceId: blue.id, type: "sweep.resumed" }),
      event(3, { type: "test.c" }),
      event(4, { workspaceId: red.id, type: "test.c" }),
    );
    const seen = () => Object.fromEntries(Object.entries(streams).map(([name, one]) => [name, one.seen]));
    await eventually(seen, {
      workspace: [1, 4],
      types: [1, 2],
      label: [1, 4],
      labels: [1, 4],
      none: [],
      both: [2],
    });
  });

  it("crosses from one API process to another, with no event lost or repeated", async () => {
    const logger = createLogger({ logLevel: "silent" }, "test");
    const signals = openSignals({ url: api.databaseUrl, pool: api.pool, logger });
    onTestFinished(() => signals.close());
    const here = createEventFeed({ pool: api.pool, signals, logger, maxStreams: 5 });
    const told: number[] = [];
    await here.join({
      events: (events) => void told.push(...events.map(({ payload }) => payload["n"] as number)),
      closed: () => undefined,
    });
    const other = await follow();
    for (let n = 0; n < 50; n++) await happen(event(n));
    const all = Array.from({ length: 50 }, (_, n) => n);
    await eventually(() => told, all);
    await eventually(() => other.seen, all);
    here.close();
  });

  it("of a process that has read less than the client repeats nothing to it", async () => {
    const { seen, ids } = await follow();
    await happen(event(1), event(2));
    await eventually(() => seen, [1, 2]);
    const behind: StreamOptions = {
      matches: () => true,
      from: { place: 0, gap: false },
      keepAliveMs: 60_000,
      isAllowed: () => Promise.resolve(true),
      aliveEveryMs: 60_000,
    };
    const { rows } = await api.pool.query<{ seq: number }>("select seq from structure_events where id = $1", [
      ids.at(-1),
    ]);
    const place = rows[0]!.seq;
    let told = (_events: never[]): void => undefined;
    const stream = await openStream(
      {
        join: async (listener) => {
          told = listener.events as never;
          return { place: place - 1, leave: () => undefined };
        },
        async *history() {},
        open: () => 0,
        close: () => undefined,
      },
      { ...behind, from: { place, gap: false } },
    );
    told([{ ...event(2), id: 1, seq: place, created_at: new Date() }] as never[]);
    await delay(0);
    told([{ ...event(3), id: 2, seq: place + 1, created_at: new Date() }] as never[]);
    stream.push(null);
    let text = "";
    for await (const chunk of stream) text += String(chunk);
    expect(text.match(/"n":\d/g)).toEqual(['"n":3']);
  });

  it("begins where it is joined, whatever was being read for those who have left", async () => {
    const logger = createLogger({ logLevel: "silent" }, "test");
    const signals = openSignals({ url: api.databaseUrl, pool: api.pool, logger });
    onTestFinished(() => signals.close());
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let hold = false;
    let holding = false;
    const pool = new Proxy(api.pool, {
      get(target, name) {
        if (name !== "query") return Reflect.get(target, name) as unknown;
        return async (text: string, values: unknown[]) => {
          const answer = await target.query(text, values);
          if (hold && text.includes("left join workspaces") && answer.rows.length > 0) {
            holding = true;
            await held;
          }
          return answer;
        };
      },
    });
    const feed = createEventFeed({ pool, signals, logger, maxStreams: 5 });
    const first = await feed.join({ events: () => undefined, closed: () => undefined });
    hold = true;
    await happen(event(1));
    await eventually(() => holding, true);
    await happen(event(2));
    first.leave();
    const told: unknown[] = [];
    await feed.join({
      events: (events) => void told.push(...events.map(({ payload }) => payload["n"])),
      closed: () => undefined,
    });
    hold = false;
    release();
    await happen(event(3));
    await eventually(() => told.includes(3), true);
    expect(told).toEqual([3]);
    feed.close();
  });

  it("is told to a client that reads too slowly by its end, and not by the memory of the process", async () => {
    const { port } = new URL(api.url);
    const socket = connect({ port: Number(port), host: "127.0.0.1" });
    socket.write(
      `GET /events/stream HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${KEY}\r\n\r\n`,
    );
    socket.once("data", () => socket.pause());
    await vi.waitFor(() => expect(socket.isPaused()).toBe(true));
    const big = { ...event(0), payload: { n: 0, text: "x".repeat(100_000) } };
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    for (let n = 0; n < 150; n++) await happen(big);
    let text = "";
    socket.on("data", (chunk: Buffer) => (text = (text + chunk.toString("latin1")).slice(-1_000)));
    socket.resume();
    await closed;
    expect(text).toContain('event: end\ndata: {"reason":"slow"}');
  });

  it("ends when its key is revoked", async () => {
    const { body } = await api.call("POST", "/keys", {
      body: { name: `s-${randomUUID()}`, scope: "viewer" },
    });
    const { seen, ended } = await follow("", { key: body.key as string });
    await api.call("DELETE", `/keys/${body.id}`);
    await ended;
    expect(seen.at(-1)).toBe("end key_refused");
  });

  it("ends with the process, which says so", async () => {
    const other = await startTestApi(null);
    const { seen, ended } = await follow("", { url: other.url });
    await other.close();
    await ended;
    expect(seen).toEqual(["end shutdown"]);
  });

  it("is refused to a key that has as many as one may, while others still get theirs", async () => {
    const { body: other } = await api.call("POST", "/keys", { body: { name: "greedy", scope: "viewer" } });
    const key = other.key as string;
    const streams = await Promise.all(Array.from({ length: 10 }, () => follow("", { key })));
    const refused = await api.call("GET", "/events/stream", { headers: { authorization: `Bearer ${key}` } });
    expect(refused).toMatchObject({ status: 503, body: { code: "overloaded" } });
    expect(refused.body.detail).toContain("this key has 10 event streams here");
    streams.push(await follow());
    streams.shift()!.stop();
    await vi.waitFor(async () => streams.push(await follow("", { key })));
    for (const { stop } of streams) stop();
  });

  it("is refused when the process serves as many as it may, and not after one has left", async () => {
    const { body: other } = await api.call("POST", "/keys", { body: { name: "half", scope: "viewer" } });
    const keys = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? KEY : (other.key as string)));
    const streams = await Promise.all(keys.map((key) => follow("", { key })));
    const refused = await api.call("GET", "/events/stream");
    expect(refused).toMatchObject({ status: 503, body: { code: "overloaded" } });
    expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
    for (const { stop } of streams) stop();
    await expect
      .poll(async () => {
        const response = await fetch(`${api.url}/events/stream`, {
          headers: { authorization: `Bearer ${KEY}` },
        });
        await response.body?.cancel();
        return response.status;
      })
      .toBe(200);
  });

  it.each([
    ["?type=Workspace", "type"],
    ["?type=workspace.onlin", "type"],
    ["?label=team", "label"],
    ["?workspace_id=7", "workspace_id"],
    ["?since=1", "since"],
  ])("refuses %s by the name of the field", async (query, field) => {
    const { status, body } = await api.call("GET", `/events/stream${query}`);
    expect(status).toBe(400);
    expect(body.errors[0].field).toContain(field);
  });

  it("refuses a last id that is none", async () => {
    const { status, body } = await api.call("GET", "/events/stream", { headers: { "last-event-id": "x" } });
    expect([status, body.errors[0].field]).toEqual([400, "last-event-id"]);
  });
});
