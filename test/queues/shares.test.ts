import { createShares, type QueueLook } from "@berth/core/queues/shares";
import { createWorkspace } from "@berth/core/requests/create";
import { describe, expect, inject, it, onTestFinished } from "vitest";
import { newWorkspace, startFleet } from "../support/fleet.js";
import { ended } from "../support/wait.js";

describe("who asks for much", () => {
  it.each([
    ["Redis", () => inject("redis").url],
    ["PostgreSQL", () => null],
  ])("waits behind who asks for one thing, with the queues on %s", async (_, redisUrl) => {
    const fleet = await startFleet({ redisUrl: redisUrl(), env: { BERTH_CONCURRENCY: "1" } });
    onTestFinished(() => fleet.close());
    await fleet.pool.query(
      `insert into api_keys (id, name, scope, key_hash, tenant)
       select gen_random_uuid(), name, 'operator', sha256(name::bytea), '{"team": "red"}'
       from unnest(array['red-1', 'red-2']) as k (name)`,
    );
    const create = async (requestedBy: string): Promise<string> =>
      (await createWorkspace(fleet.context, newWorkspace(), { source: "api", requestedBy })).operation.id;
    const many: string[] = [];
    for (let n = 0; n < 30; n++) many.push(await create(`red-${1 + (n % 2)}`));
    const one = await create("blue");
    fleet.startWorker();
    await ended(fleet.pool, [...many, one]);
    const { rows } = await fleet.pool.query<{ requested_by: string }>(
      "select requested_by from operations order by started_at",
    );
    const order = rows.map(({ requested_by: by }) => by);
    // Behind what red had asked for when Berth first looked, and not behind all of it.
    expect(order.indexOf("blue")).toBeLessThan(12);
  });
});

describe("the order of a queue", () => {
  const open = () => {
    let time = 0;
    let looks = 0;
    const seen: QueueLook = { next: 0, waiting: [] };
    const shares = createShares(
      async () => {
        looks++;
        return seen;
      },
      () => time,
    );
    const ask = (by: string, times = 1): number[] =>
      Array.from({ length: times }, () => shares.priorityOf(by));
    return { ask, seen, looks: () => looks, pass: (ms: number) => (time += ms) };
  };

  it("is by turns", () => {
    const { ask } = open();
    expect([ask("red", 3), ask("blue", 2), ask("red")]).toEqual([[0, 1, 2], [0, 1], [3]]);
  });

  it("goes on from what is next, and from what waits of each, a tenant's keys together", async () => {
    const { ask, seen, pass } = open();
    seen.next = 40;
    seen.waiting = [
      { requested_by: "red-1", tenant: '{"team": "red"}', waiting: 60 },
      { requested_by: "red-2", tenant: '{"team": "red"}', waiting: 0 },
    ];
    ask("red-1", 5);
    pass(300);
    ask("red-1");
    await Promise.resolve();
    await Promise.resolve();
    expect([ask("red-2"), ask("red-1"), ask("blue")]).toEqual([[100], [101], [40]]);
  });

  it("is first come, first served, and asks for no figures, while little is asked for", () => {
    const { ask, looks, pass } = open();
    for (let n = 0; n < 10; n++) {
      expect(ask("red")).toEqual([0]);
      pass(3_000);
    }
    expect(looks()).toBe(0);
  });
});
