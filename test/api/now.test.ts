import { claimDeliveries } from "@berth/core/db/webhook-deliveries";
import { noteReplies } from "@berth/core/webhooks/deliver";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null, { BERTH_WEBHOOKS_ATTEMPTS: "2" });
});
afterAll(() => api.close());

/** What /now says of webhooks. */
async function troubles() {
  const { body } = await api.call("GET", "/now");
  const all = body.troubles as { code: string; title: string; cause: string }[];
  return { well: body.well, told: all.filter(({ code }) => code.startsWith("webhook_")) };
}

/** Sends what is due, which is answered so. */
async function answer(id: string, status: number): Promise<void> {
  await api.pool.query("update webhooks set blocked_until = null where id = $1", [id]);
  const batch = await claimDeliveries(api.pool, id, { limit: 10, leaseMs: 0 });
  const error = status < 300 ? null : `it answered ${status}`;
  const replies = batch.map((delivery) => ({ delivery, reply: { status, error } }));
  await noteReplies(api.pool, id, replies, {
    retry: { delayMs: 0, maxDelayMs: 0, jitter: 0 },
    random: () => 0,
  });
}

async function makePinged(): Promise<string> {
  const { body } = await api.call("POST", "/webhooks", { body: { url: "https://example.com/hook?token=x" } });
  await api.call("POST", `/webhooks/${body.id}/ping`);
  // Of an event it would be as often.
  await api.pool.query("update webhook_deliveries set max_attempts = 2 where webhook_id = $1", [body.id]);
  return body.id;
}

it("isn't well while an endpoint refuses for more than a minute, nor once something was given up, until it is sent again (I13)", async () => {
  const id = await makePinged();
  const before = (await troubles()).told;
  await answer(id, 503);
  expect([before, (await troubles()).told]).toEqual([[], []]);
  await api.pool.query("update webhook_deliveries set created_at = created_at - interval '5 minutes'");
  expect(await troubles()).toMatchObject({
    well: false,
    told: [
      {
        code: "webhook_refused",
        title: "example.com doesn't take an event",
        cause: "it answered 503",
        needs_person: false,
        next_at: expect.any(String),
      },
    ],
  });
  await answer(id, 503);
  expect((await troubles()).told).toMatchObject([
    { code: "webhook_missed", title: "example.com has missed an event", needs_person: true },
  ]);
  await api.call("POST", `/webhooks/${id}/retry`);
  await answer(id, 204);
  expect((await troubles()).told).toEqual([]);
});

it("says that an endpoint has turned its webhook off, and nothing of one that a person has", async () => {
  const id = await makePinged();
  await answer(id, 410);
  expect((await troubles()).told).toMatchObject([
    { code: "webhook_off", cause: "it answered 410 Gone", needs_person: true },
  ]);
  await api.call("PATCH", `/webhooks/${id}`, { body: { enabled: true } });
  await api.call("PATCH", `/webhooks/${id}`, { body: { enabled: false } });
  expect((await troubles()).told).toEqual([]);
});
