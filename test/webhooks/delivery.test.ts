import { createServer, type Server } from "node:net";
import { findEvents } from "@berth/core/db/events";
import { insertTestEvents, type TestEvent } from "../support/events.js";
import { takeIdentity } from "@berth/core/db/places";
import { transaction } from "@berth/core/db/pool";
import {
  claimDeliveries,
  dueWebhooks,
  listDeliveries,
  planDeliveries,
  type Delivery,
} from "@berth/core/db/webhook-deliveries";
import { createWorkspace } from "@berth/core/requests/create";
import {
  changeWebhook,
  createWebhook,
  requireWebhook,
  retryDead,
  rotateSecret,
  type WebhookTerms,
} from "@berth/core/requests/webhooks";
import { sealSecret } from "@berth/core/webhooks/seal";
import { noteReplies } from "@berth/core/webhooks/deliver";
import { Redis } from "ioredis";
import { Webhook as Verifier } from "standardwebhooks";
import { afterEach, describe, expect, inject, it, onTestFinished, vi } from "vitest";
import { BY_TEST, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { startReceiver, type Receiver } from "./receiver.js";

const QUICK_RETRIES = {
  BERTH_WEBHOOKS_ALLOW: "127.0.0.1",
  BERTH_WEBHOOKS_SCHEMES: "http,https",
  // Far longer than a busy machine needs: what isn't answered in time is sent again.
  BERTH_WEBHOOKS_TIMEOUT_MS: "60000",
  BERTH_WEBHOOKS_ATTEMPTS: "3",
  BERTH_WEBHOOKS_RETRY_DELAY_MS: "20",
  BERTH_WEBHOOKS_RETRY_MAX_DELAY_MS: "60",
};
const RETRY = { retry: { delayMs: 1, maxDelayMs: 1, jitter: 0 }, random: () => 0 };

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start(env: Record<string, string> = {}, redisUrl: string | null = inject("redis").url) {
  const receiver = await startReceiver();
  closing.push(receiver.close);
  const fleet = await startFleet({ redisUrl, env: { ...QUICK_RETRIES, ...env } });
  closing.push(fleet.close);
  // So that no worker's first contact with its place is an event among those of the tests.
  const identity = await fleet.backend.identify({ signal: AbortSignal.timeout(10_000) });
  await transaction(fleet.pool, (tx) => takeIdentity(tx, "process", identity!, null));
  const make = (terms: Partial<WebhookTerms> = {}) =>
    createWebhook(
      fleet.pool,
      {
        url: `${receiver.url}/`,
        description: "",
        types: null,
        workspace_id: null,
        labels: {},
        enabled: true,
        ...terms,
      },
      BY_TEST,
    );
  return { fleet, receiver, make };
}

async function happen(
  { pool }: Fleet,
  ...events: (Partial<TestEvent> & { event_type: string })[]
): Promise<void> {
  await transaction(pool, (tx) =>
    insertTestEvents(
      tx,
      events.map((event) => ({ workspace_id: null, ...event })),
    ),
  );
}

async function deliveriesOf({ pool }: Fleet, id: string): Promise<Delivery[]> {
  return (await listDeliveries(pool, id, { after: null, limit: 1_000 })).rows;
}

/** Waits until each delivery has ended, and something was to be delivered. */
function allEnded(fleet: Fleet, id: string): Promise<Delivery[]> {
  return vi.waitFor(
    async () => {
      const all = await deliveriesOf(fleet, id);
      expect(all.length).toBeGreaterThan(0);
      expect(all.filter(({ state }) => state === "pending")).toEqual([]);
      return all;
    },
    { interval: 25 },
  );
}

const told = (receiver: Receiver, types: string[], path?: string) =>
  vi.waitFor(() => expect(receiver.types(path).toSorted()).toEqual(types.toSorted()));

describe.each(["redis", "postgres"])("webhooks, the queue on %s", (store) => {
  const url = () => (store === "redis" ? inject("redis").url : null);

  it("are told of each event once by any number of workers, signed as Standard Webhooks has it", async () => {
    const { fleet, receiver, make } = await start({}, url());
    const { webhook, secret } = await make();
    for (let n = 0; n < 3; n++) fleet.startWorker();
    const types = Array.from({ length: 60 }, (_, n) => `thing.n${n}`);
    await happen(
      fleet,
      ...types.slice(0, 30).map((event_type) => ({ event_type, payload: { text: "größer\n" } })),
    );
    await Promise.all(types.slice(30).map((event_type) => happen(fleet, { event_type })));
    await told(receiver, types);
    expect((await allEnded(fleet, webhook.id)).map(({ state }) => state)).toEqual(
      types.map(() => "delivered"),
    );
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(60);

    const { rows } = await findEvents(fleet.pool, { types: ["thing.n7"], limit: 1 });
    const { body, headers } = receiver.received.find(({ type }) => type === "thing.n7")!;
    const { id, event_type, workspace_id, operation_id, trace_id, payload, created_at: at } = rows[0]!;
    const created_at = at.toISOString();
    expect(new Verifier(secret).verify(body, headers as Record<string, string>)).toEqual({
      type: "thing.n7",
      timestamp: created_at,
      data: { id, event_type, workspace_id, operation_id, trace_id, payload, created_at },
    });
    expect(() => new Verifier("d3Jvbmc=").verify(body, headers as Record<string, string>)).toThrow(
      /signature/,
    );
  });

  it("are told what is due after all that the queue held is lost (I6)", async () => {
    const { fleet, receiver, make } = await start({ BERTH_WEBHOOKS_RETRY_DELAY_MS: "60" }, url());
    await make();
    receiver.behave((_one, answer) => {
      const first = receiver.received.length === 1;
      answer.writeHead(first ? 503 : 204).end();
    });
    fleet.startWorker();
    await happen(fleet, { event_type: "thing.happened" });
    await vi.waitFor(() => expect(receiver.received.length).toBeGreaterThan(0));
    if (store === "postgres") await fleet.queues.webhooks.obliterate({ force: true });
    else {
      const redis = new Redis(inject("redis").url);
      const keys = await redis.keys(`${fleet.config.queuePrefix.replace(/[[\]?*]/g, "\\$&")}:webhooks:*`);
      if (keys.length > 0) await redis.del(...keys);
      redis.disconnect();
    }
    await told(receiver, ["thing.happened", "thing.happened"]);
  });
});

describe("a webhook", () => {
  it("is told only of what it asked for: by type, workspace and labels", async () => {
    const { fleet, receiver, make } = await start();
    const create = async (labels: Record<string, string>) =>
      (await createWorkspace(fleet.context, { ...newWorkspace(), labels }, BY_TEST)).workspace.id;
    const red = await create({ team: "red", stage: "test" });
    const blue = await create({ team: "blue" });
    await make({ url: `${receiver.url}/types`, types: ["a.one", "a.two"] });
    await make({ url: `${receiver.url}/workspace`, workspace_id: red, types: ["a.one", "a.two", "a.three"] });
    await make({
      url: `${receiver.url}/red`,
      labels: { team: "red", stage: "test" },
      types: ["a.one", "a.two"],
    });
    await make({ url: `${receiver.url}/disabled`, enabled: false });
    await happen(
      fleet,
      { event_type: "a.one", workspace_id: red },
      { event_type: "a.two", workspace_id: blue },
      { event_type: "a.three" },
      { event_type: "a.three", workspace_id: red },
    );
    fleet.startWorker();
    await told(receiver, ["a.one", "a.two"], "/types");
    await told(receiver, ["a.one", "a.three"], "/workspace");
    await told(receiver, ["a.one"], "/red");
    expect(receiver.types("/disabled")).toEqual([]);
  });

  it("isn't told of what was before it, nor of what webhooks themselves cause", async () => {
    const { fleet, receiver, make } = await start();
    await make({ url: `${receiver.url}/earlier`, types: ["thing.before"] });
    await happen(fleet, { event_type: "thing.before" });
    const { webhook } = await make();
    await changeWebhook(fleet.pool, webhook.id, { description: "changed" }, BY_TEST);
    await happen(fleet, { event_type: "thing.after" });
    fleet.startWorker();
    await allEnded(fleet, webhook.id);
    await told(receiver, ["thing.before"], "/earlier");
    expect(receiver.types("/")).toEqual(["thing.after"]);
  });

  it("that refuses is asked again with the same id, given up after the last attempt with an event, and asked again by a retry", async () => {
    const { fleet, receiver, make } = await start();
    receiver.behave((_one, answer) => void answer.writeHead(500).end("no\u0000\nway"));
    const { webhook } = await make();
    await happen(fleet, { event_type: "thing.happened" });
    fleet.startWorker();
    const [dead] = await allEnded(fleet, webhook.id);
    expect(dead).toMatchObject({
      state: "dead",
      attempts: 3,
      last_status: 500,
      last_error: "it answered 500: no way",
    });
    expect(receiver.received.map(({ id }) => id)).toEqual([dead!.id, dead!.id, dead!.id]);
    const { rows } = await findEvents(fleet.pool, { types: ["webhook.delivery_failed"], limit: 10 });
    expect(rows.map(({ payload }) => payload)).toEqual([
      {
        webhook_id: webhook.id,
        delivery_id: dead!.id,
        event_type: "thing.happened",
        attempts: 3,
        status: 500,
        error: "it answered 500: no way",
      },
    ]);
    expect(await requireWebhook(fleet.pool, webhook.id)).toMatchObject({ dead: 1, pending: 0 });

    receiver.behave((_one, answer) => void answer.writeHead(200).end());
    expect(await retryDead(fleet.pool, webhook.id, 3, BY_TEST)).toBe(1);
    const [delivered] = await allEnded(fleet, webhook.id);
    expect(delivered).toMatchObject({ id: dead!.id, state: "delivered", attempts: 4, last_error: null });
    expect(await requireWebhook(fleet.pool, webhook.id)).toMatchObject({ failures: 0, dead: 0 });
  });

  it.each([
    ["redirects", /302 \(redirects aren't followed\)/],
    ["never answers", /did not answer within 400 ms/],
    ["breaks off", /./],
    ["answers without end", /it answered 500: x+$/],
  ])("that %s has refused, and isn't followed or waited for", async (what, error) => {
    const { fleet, receiver, make } = await start({
      BERTH_WEBHOOKS_ATTEMPTS: "1",
      BERTH_WEBHOOKS_TIMEOUT_MS: "400",
    });
    receiver.behave((_one, answer) => {
      if (what === "redirects") answer.writeHead(302, { location: `${receiver.url}/elsewhere` }).end();
      if (what === "breaks off") answer.socket!.destroy();
      if (what === "answers without end") {
        answer.writeHead(500);
        const more = setInterval(() => answer.write("x".repeat(1_000)), 5);
        answer.on("close", () => clearInterval(more));
      }
    });
    const { webhook } = await make();
    await happen(fleet, { event_type: "thing.happened" });
    fleet.startWorker();
    const [dead] = await allEnded(fleet, webhook.id);
    expect(dead!.state).toBe("dead");
    expect(dead!.last_error).toMatch(error);
    expect(dead!.last_error!.length).toBeLessThan(600);
    expect(receiver.types("/elsewhere")).toEqual([]);
  });

  it.each([
    ["its time is over", 200, "400"],
    ["a second is over", 200, "30000"],
    ["its time is over", 410, "400"],
  ])(
    "that leaves the body of its answer open until %s has answered all the same: %i",
    async (_, status, ms) => {
      const { fleet, receiver, make } = await start({ BERTH_WEBHOOKS_TIMEOUT_MS: ms });
      receiver.behave((_one, answer) => void answer.writeHead(status).write("well"));
      const { webhook } = await make();
      await happen(fleet, { event_type: "thing.happened" });
      fleet.startWorker();
      const [ended] = await allEnded(fleet, webhook.id);
      expect(ended).toMatchObject({
        state: status === 200 ? "delivered" : "dead",
        attempts: 1,
        last_status: status,
      });
      expect(receiver.received).toHaveLength(1);
    },
  );

  it("that leads to an address which isn't allowed is never connected to, by name or by number", async () => {
    const { fleet, make } = await start({ BERTH_WEBHOOKS_ALLOW: "10.0.0.1", BERTH_WEBHOOKS_ATTEMPTS: "1" });
    const { port, connections } = await startSocket();
    const byName = await make({ url: `http://localhost:${port}/` });
    const byNumber = await make({ url: `http://127.0.0.1:${port}/` });
    await happen(fleet, { event_type: "thing.happened" });
    fleet.startWorker();
    for (const { webhook } of [byName, byNumber])
      expect((await allEnded(fleet, webhook.id))[0]!.last_error).toMatch(/no public address/);
    expect(connections()).toBe(0);
  });

  it("that answers 410 is disabled and told nothing more, until it is enabled again", async () => {
    const { fleet, receiver, make } = await start();
    receiver.behave((_one, answer) => void answer.writeHead(410).end());
    const { webhook } = await make();
    await happen(fleet, { event_type: "thing.one" });
    fleet.startWorker();
    expect((await allEnded(fleet, webhook.id))[0]).toMatchObject({ state: "dead", attempts: 1 });
    expect(await requireWebhook(fleet.pool, webhook.id)).toMatchObject({
      enabled: false,
      disabled_reason: "it answered 410 Gone",
    });
    await happen(fleet, { event_type: "thing.two" });
    // An event has its place in the order once no older transaction of the server is open, and the worker may be at planning.
    await vi.waitFor(async () => {
      await planDeliveries(fleet.pool, { limit: 10, attempts: 1 });
      const { rows } = await fleet.pool.query(
        `select w.place >= e.seq as planned from webhooks w, structure_events e
         where w.id = $1 and e.event_type = 'thing.two'`,
        [webhook.id],
      );
      expect(rows).toEqual([{ planned: true }]);
    });
    receiver.behave((_one, answer) => void answer.writeHead(204).end());
    await changeWebhook(fleet.pool, webhook.id, { enabled: true }, BY_TEST);
    await happen(fleet, { event_type: "thing.three" });
    await told(receiver, ["thing.one", "thing.three"]);
  });

  it("that answers 200 and leaves its body open has been told, once: the status line is the answer", async () => {
    const { fleet, receiver, make } = await start({ BERTH_WEBHOOKS_TIMEOUT_MS: "600000" });
    receiver.behave((_one, answer) => void answer.writeHead(200).write("thanks"));
    const { webhook } = await make();
    await happen(fleet, { event_type: "thing.one" });
    fleet.startWorker();
    expect(await allEnded(fleet, webhook.id)).toMatchObject([
      { state: "delivered", attempts: 1, last_status: 200 },
    ]);
    expect(receiver.received).toHaveLength(1);
  });

  it("that never answers holds up no other", async () => {
    const { fleet, receiver, make } = await start({ BERTH_WEBHOOKS_TIMEOUT_MS: "600000" });
    receiver.behave((one, answer) => {
      if (one.path === "/fast") answer.writeHead(204).end();
    });
    for (let n = 0; n < 5; n++) await make({ url: `${receiver.url}/slow` });
    await make({ url: `${receiver.url}/fast` });
    await happen(fleet, ...Array.from({ length: 40 }, (_, n) => ({ event_type: `thing.n${n}` })));
    fleet.startWorker();
    await vi.waitFor(() => expect(receiver.types("/fast")).toHaveLength(40));
    expect(receiver.types("/slow").length).toBeLessThanOrEqual(5 * 8);
  });

  it("that refuses all is left alone for a while, and what waits doesn't use up its attempts meanwhile", async () => {
    const { fleet, make } = await start();
    const { webhook } = await make();
    await happen(fleet, ...Array.from({ length: 20 }, (_, n) => ({ event_type: `thing.n${n}` })));
    while (await planDeliveries(fleet.pool, { limit: 1_000, attempts: 3 }));
    const batch = await claimDeliveries(fleet.pool, webhook.id, { limit: 8, leaseMs: 60_000 });
    const replies = batch.map((delivery) => ({ delivery, reply: { status: 500, error: "no" } }));
    const hour = { retry: { delayMs: 3_600_000, maxDelayMs: 3_600_000, jitter: 0 }, random: () => 0 };
    await noteReplies(fleet.pool, webhook.id, replies, hour);
    expect(await dueWebhooks(fleet.pool)).toEqual([]);
    expect(await claimDeliveries(fleet.pool, webhook.id, { limit: 8, leaseMs: 60_000 })).toEqual([]);
    const { failures, blocked_until } = await requireWebhook(fleet.pool, webhook.id);
    expect(failures).toBe(1);
    // New events shouldn't wait for as long as one delivery does.
    expect(blocked_until!.getTime() - Date.now()).toBeLessThanOrEqual(60_000);
    expect((await deliveriesOf(fleet, webhook.id)).filter(({ attempts }) => attempts === 0)).toHaveLength(12);
  });

  it("is told again of what a worker had taken when it died, and what that one says later counts for nothing", async () => {
    const { fleet, receiver, make } = await start();
    const { webhook } = await make();
    await happen(fleet, { event_type: "thing.happened" });
    while (await planDeliveries(fleet.pool, { limit: 1_000, attempts: 3 }));
    const [taken] = await claimDeliveries(fleet.pool, webhook.id, { limit: 8, leaseMs: 300 });
    expect(await claimDeliveries(fleet.pool, webhook.id, { limit: 8, leaseMs: 300 })).toEqual([]);
    fleet.startWorker();
    expect(await allEnded(fleet, webhook.id)).toMatchObject([{ state: "delivered", attempts: 2 }]);
    expect(receiver.types()).toEqual(["thing.happened"]);
    const late = [{ delivery: taken!, reply: { status: 500, error: "late" } }];
    await noteReplies(fleet.pool, webhook.id, late, RETRY);
    expect(await deliveriesOf(fleet, webhook.id)).toMatchObject([{ state: "delivered", last_error: null }]);
  });

  it("has its secret in PostgreSQL only sealed under BERTH_SECRET, also one that an earlier version left in the clear", async () => {
    const { fleet, receiver, make } = await start();
    const { webhook, secret: old } = await make();
    const { secret } = await rotateSecret(fleet.pool, webhook.id, BY_TEST);
    fleet.startWorker();
    const kept = async () =>
      (await fleet.pool.query<Record<string, string>>("select secret, previous_secret from webhooks"))
        .rows[0]!;
    await vi.waitFor(async () =>
      expect(await kept()).toEqual({
        secret: expect.stringMatching(/^sealed1_/),
        previous_secret: expect.stringMatching(/^sealed1_/),
      }),
    );
    const dump = JSON.stringify((await fleet.pool.query("select w::text from webhooks w")).rows);
    expect([old, secret].filter((one) => dump.includes(one))).toEqual([]);
    await happen(fleet, { event_type: "thing.one" });
    await told(receiver, ["thing.one"]);
    const { body, headers } = receiver.received[0]!;
    for (const key of [secret, old]) new Verifier(key).verify(body, headers as Record<string, string>);
    const elsewhere = sealSecret("another-secret-0123456789-0123456789", webhook.id, secret);
    await fleet.pool.query("update webhooks set secret = $1, previous_until = null", [elsewhere]);
    await happen(fleet, { event_type: "thing.two" });
    const [unsent] = await vi.waitFor(async () => {
      const dead = (await deliveriesOf(fleet, webhook.id)).filter(({ state }) => state === "dead");
      expect(dead).toHaveLength(1);
      return dead;
    });
    expect(unsent).toMatchObject({
      last_status: null,
      last_error: expect.stringContaining("another BERTH_SECRET"),
    });
    expect(receiver.types()).toEqual(["thing.one"]);
  });

  it("whose secret was changed is signed for with both for a while", async () => {
    const { fleet, receiver, make } = await start();
    const { webhook, secret: old } = await make();
    const { secret } = await rotateSecret(fleet.pool, webhook.id, BY_TEST);
    expect(secret).not.toBe(old);
    await happen(fleet, { event_type: "thing.one" });
    fleet.startWorker();
    await told(receiver, ["thing.one"]);
    const verify = (key: string, n: number) => {
      const { body, headers } = receiver.received[n]!;
      return new Verifier(key).verify(body, headers as Record<string, string>);
    };
    verify(secret, 0);
    verify(old, 0);
    await fleet.pool.query("update webhooks set previous_until = clock_timestamp()");
    await happen(fleet, { event_type: "thing.two" });
    await told(receiver, ["thing.one", "thing.two"]);
    verify(secret, 1);
    expect(() => verify(old, 1)).toThrow(/signature/);
  });
});

async function startSocket(): Promise<{ port: number; connections: () => number }> {
  let count = 0;
  const server: Server = createServer((socket) => {
    count++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as { port: number }).port, connections: () => count };
}
