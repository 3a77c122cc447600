import { noteReplies } from "@berth/core/webhooks/deliver";
import { claimDeliveries } from "@berth/core/db/webhook-deliveries";
import { findEvents } from "@berth/core/db/events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null, { BERTH_WEBHOOKS_ALLOW: "10.0.0.0/8", BERTH_WEBHOOKS_ATTEMPTS: "2" });
});
afterAll(() => api.close());

const make = async (body: object = {}, headers = {}) =>
  api.call("POST", "/webhooks", { body: { url: "https://example.com/hook?token=x", ...body }, headers });

/** Has the deliveries of a webhook fail, as a worker would, until they are given up. */
async function giveUp(id: string): Promise<void> {
  for (let n = 0; n < 2; n++) {
    await api.pool.query("update webhooks set blocked_until = null where id = $1", [id]);
    const batch = await claimDeliveries(api.pool, id, { limit: 10, leaseMs: 0 });
    const replies = batch.map((delivery) => ({ delivery, reply: { status: 500, error: "no" } }));
    const retry = { delayMs: 0, maxDelayMs: 0, jitter: 0 };
    await noteReplies(api.pool, id, replies, { retry, random: () => 0 });
  }
}

describe("/webhooks", () => {
  it("refuses a type of event that there is not, when it is made and when it is changed", async () => {
    const expected = "a type of event; there is no workspace.onlin: did you mean workspace.online?";
    const refused = { status: 400, body: { errors: [{ field: "types[1]", expected }] } };
    const types = ["workspace.failed", "workspace.onlin"];
    expect(await make({ types })).toMatchObject(refused);
    const { id } = (await make()).body;
    expect(await api.call("PATCH", `/webhooks/${id}`, { body: { types } })).toMatchObject(refused);
    await api.call("DELETE", `/webhooks/${id}`);
  });

  it("makes one and shows its secret in that answer only", async () => {
    const made = await make({ types: ["workspace.online"], labels: { team: "red" }, description: "chat" });
    expect(made.status).toBe(201);
    const { secret, ...shown } = made.body;
    expect(Buffer.from(/^whsec_(.+)$/.exec(secret)![1]!, "base64")).toHaveLength(32);
    expect(shown).toEqual({
      id: expect.any(String),
      url: "https://example.com/hook?token=x",
      description: "chat",
      types: ["workspace.online"],
      workspace_id: null,
      labels: { team: "red" },
      enabled: true,
      disabled_reason: null,
      pending: 0,
      dead: 0,
      failing: 0,
      next_attempt_at: null,
      version: 1,
      created_at: expect.any(String),
      updated_at: expect.any(String),
      created_by: "admin",
    });
    expect(made.headers.get("etag")).toBe('"1"');
    const read = await api.call("GET", `/webhooks/${shown.id}`);
    expect(read.body).toEqual(shown);
    expect((await api.call("GET", "/webhooks")).body).toContainEqual(shown);
    const { rows } = await findEvents(api.pool, { types: ["webhook.created"], limit: 100 });
    const told = rows.map(({ payload }) => payload);
    expect(told).toContainEqual({
      webhook_id: shown.id,
      origin: "https://example.com",
      requested_by: "admin",
    });
  });

  it("makes one for an Idempotency-Key, and gives its secret again", async () => {
    const headers = { "idempotency-key": "make-one" };
    const first = await make({}, headers);
    const second = await make({}, headers);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
  });

  it.each([
    ["http://example.com/", "scheme"],
    ["https://127.0.0.1/", "public"],
    ["https://[::ffff:169.254.169.254]/", "public"],
    ["https://me:pw@example.com/", "password"],
    ["https://exa mple.com/", "url"],
    ["example.com", "url"],
    ["https://[/", "parsed"],
  ])("refuses the URL %s, and says why", async (url, why) => {
    const { status, body } = await make({ url });
    expect([status, body.errors[0].field]).toEqual([400, "url"]);
    expect(body.detail).toContain(why);
    const { body: other } = await make();
    const patched = await api.call("PATCH", `/webhooks/${other.id}`, { body: { url } });
    expect([patched.status, patched.body.errors[0].field]).toEqual([400, "url"]);
  });

  it("may lead to what is allowed besides", async () => {
    expect((await make({ url: "https://10.1.2.3/" })).status).toBe(201);
  });

  it("changes one under If-Match, and says why it is disabled", async () => {
    const { body } = await make();
    const path = `/webhooks/${body.id}`;
    const change = { url: "https://example.org/", types: null, enabled: false };
    const changed = await api.call("PATCH", path, { body: change, headers: { "if-match": '"1"' } });
    expect(changed.body).toMatchObject({ ...change, disabled_reason: "asked for", version: 2 });
    const stale = await api.call("PATCH", path, { body: change, headers: { "if-match": '"1"' } });
    expect([stale.status, stale.body.code]).toEqual([412, "precondition_failed"]);
    const back = await api.call("PATCH", path, { body: { enabled: true } });
    expect(back.body).toMatchObject({ enabled: true, disabled_reason: null });
    expect((await api.call("PATCH", path, { body: {} })).status).toBe(400);
  });

  it("gives one a new secret, and removes it with its deliveries", async () => {
    const { body } = await make();
    const path = `/webhooks/${body.id}`;
    const rotated = await api.call("POST", `${path}/secret`);
    expect(rotated.body.secret).toMatch(/^whsec_/);
    expect(rotated.body.secret).not.toBe(body.secret);
    await api.call("POST", `${path}/ping`);
    expect((await api.call("DELETE", path, { headers: { "if-match": '"1"' } })).status).toBe(412);
    expect((await api.call("DELETE", path)).body).toMatchObject({ id: body.id, pending: 1 });
    expect((await api.call("GET", path)).body.code).toBe("webhook_not_found");
    expect((await api.call("DELETE", path)).status).toBe(404);
    const { rows } = await api.pool.query("select from webhook_deliveries where webhook_id = $1", [body.id]);
    expect(rows).toEqual([]);
  });

  it("pings one, shows what became of it, and sends it again", async () => {
    const { body } = await make();
    const path = `/webhooks/${body.id}`;
    const ping = await api.call("POST", `${path}/ping`, { headers: { "idempotency-key": "ping-one" } });
    expect(ping.status).toBe(202);
    expect(ping.body).toMatchObject({
      event_type: "webhook.ping",
      state: "pending",
      attempts: 0,
      max_attempts: 1,
    });
    const again = await api.call("POST", `${path}/ping`, { headers: { "idempotency-key": "ping-one" } });
    expect(again.body.id).toBe(ping.body.id);
    await giveUp(body.id);
    const one = `${path}/deliveries/${ping.body.id}`;
    expect((await api.call("GET", one)).body).toMatchObject({
      state: "dead",
      attempts: 1,
      last_status: 500,
      last_error: "no",
      next_attempt_at: null,
    });
    const retried = await api.call("POST", `${one}/retry`);
    expect([retried.status, retried.body.state, retried.body.max_attempts]).toEqual([202, "pending", 3]);
    expect((await api.call("POST", `${path}/deliveries/${body.id}/retry`)).body.code).toBe(
      "delivery_not_found",
    );
    const { body: other } = await make();
    expect((await api.call("GET", `/webhooks/${other.id}/deliveries/${ping.body.id}`)).status).toBe(404);
  });

  it("lists deliveries in pages, the dead ones apart, and sends all of those again", async () => {
    const { body } = await make();
    const path = `/webhooks/${body.id}`;
    const pings: string[] = [];
    for (let n = 0; n < 5; n++) {
      pings.unshift((await api.call("POST", `${path}/ping`)).body.id);
      if (n === 2) await giveUp(body.id);
    }
    const ids = async (query: string) => {
      const seen: string[] = [];
      for (let next: string | undefined = `${path}/deliveries${query}`; next !== undefined;) {
        const page: Awaited<ReturnType<TestApi["call"]>> = await api.call("GET", next);
        seen.push(...(page.body as { id: string }[]).map(({ id }) => id));
        next = /^<(.+)>; rel="next"$/.exec(page.headers.get("link") ?? "")?.[1];
      }
      return seen;
    };
    expect(await ids("?limit=2")).toEqual(pings);
    expect(await ids("?state=dead&limit=1")).toEqual(pings.slice(2));
    expect(await ids("?state=pending,delivered")).toEqual(pings.slice(0, 2));
    expect((await api.call("GET", path)).body).toMatchObject({ pending: 2, dead: 3 });
    expect((await api.call("GET", "/metrics")).body).toContain(
      `berth_webhook_deliveries{webhook="${body.id}",state="dead"} 3`,
    );
    expect((await api.call("POST", `${path}/retry`)).body).toEqual({ retried: 3 });
    expect(await ids("?state=dead")).toEqual([]);
  });

  it("sends nothing by one that is disabled", async () => {
    const { body } = await make({ enabled: false });
    for (const what of ["ping", "retry"])
      expect((await api.call("POST", `/webhooks/${body.id}/${what}`)).body.code).toBe("webhook_disabled");
  });

  it("is at most a hundred of them, also when many are asked for at once", async () => {
    const answers = await Promise.all(Array.from({ length: 110 }, () => make()));
    expect(answers.filter(({ status }) => status === 409).map(({ body }) => body.code)).toContain(
      "too_many_webhooks",
    );
    const { rows } = await api.pool.query<{ n: number }>("select count(*)::int as n from webhooks");
    expect(rows[0]!.n).toBe(100);
  });
});
