import { createShares, type QueueLook } from "@berth/core/queues/shares";
import { createWorkspace } from "@berth/core/requests/create";
import fc from "fast-check";
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

const WEIGHTS: Readonly<Record<string, number>> = { heavy: 3, heavier: 7 };

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
      { now: () => time, weightOf: ({ team }) => WEIGHTS[team!] ?? 1 },
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

  it("gives each tenant as much as it weighs, for as long as all of them have something waiting", async () => {
    const team = (name: string) => ({
      requested_by: name,
      tenant: JSON.stringify({ team: name }),
      waiting: 0,
    });
    const teams = ["light", "heavy", "heavier"];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...teams), { minLength: 1, maxLength: 200 }),
        async (asked) => {
          const { ask, seen, pass } = open();
          seen.waiting = teams.map(team);
          // So that it looks, and knows them.
          ask("nobody", 4);
          pass(300);
          ask("nobody");
          await Promise.resolve();
          await Promise.resolve();
          const order = asked
            .map((by) => ({ by, priority: ask(by)[0]! }))
            .toSorted((one, other) => one.priority - other.priority);
          const taken = new Map(teams.map((name) => [name, 0]));
          const left = new Map(teams.map((name) => [name, asked.filter((one) => one === name).length]));
          for (const { by } of order) {
            taken.set(by, taken.get(by)! + 1);
            left.set(by, left.get(by)! - 1);
            const turns = teams
              .filter((name) => left.get(name)! > 0)
              .map((name) => taken.get(name)! / (WEIGHTS[name] ?? 1));
            expect(Math.max(0, ...turns) - Math.min(Infinity, ...turns)).toBeLessThanOrEqual(1);
          }
        },
      ),
    );
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
