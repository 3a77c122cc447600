import { setTimeout as delay } from "node:timers/promises";
import { listEvents } from "@berth/core/db/events";
import { insertTestEvents } from "../support/events.js";
import { transaction } from "@berth/core/db/pool";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const event = (n: number) => ({ event_type: "test", workspace_id: null, payload: { n } });

describe("the order of events", () => {
  it("loses none and repeats none to who goes on from the last, whenever their transactions commit", async () => {
    await fc.assert(
      fc.asyncProperty(
        // Each writer: what it writes, and how many ms its transaction stays open, in steps.
        fc.array(fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 4 }), {
          minLength: 2,
          maxLength: 5,
        }),
        fc.integer({ min: 1, max: 5 }),
        async (writers, limit) => {
          await database.pool.query("delete from structure_events");
          let next = 0;
          let writing = true;
          const written = new Set<number>();
          const write = async (holds: readonly number[]): Promise<void> => {
            for (const ms of holds) {
              const ns = [next++, next++];
              await transaction(database.pool, async (tx) => {
                await insertTestEvents(tx, ns.map(event));
                await delay(ms);
              });
              for (const n of ns) written.add(n);
            }
          };
          const read = async (): Promise<number[]> => {
            const seen: number[] = [];
            let afterId = 0;
            for (let last = false; !last;) {
              last = !writing;
              for (let rows = await page(); rows.length > 0; rows = await page()) {
                afterId = rows.at(-1)!.id;
                seen.push(...rows.map((row) => row.payload["n"] as number));
              }
            }
            return seen;
            function page() {
              return listEvents(database.pool, { afterId, limit });
            }
          };
          const reading = Promise.all([read(), read(), read()]);
          await Promise.all(writers.map(write));
          writing = false;
          const [first, ...others] = await reading;
          expect(first!.toSorted((a, b) => a - b)).toEqual([...written].toSorted((a, b) => a - b));
          for (const other of others) expect(other, "one order for all").toEqual(first);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("is one for all readers, however many settle at once", async () => {
    await database.pool.query("delete from structure_events");
    await Promise.all(
      Array.from({ length: 30 }, async (_, n) => {
        await insertTestEvents(database.pool, [event(n)]);
        await listEvents(database.pool, { limit: 1 });
      }),
    );
    const orders = await Promise.all([1, 2, 3].map(() => listEvents(database.pool, { limit: 100 })));
    const ids = orders.map((rows) => rows.map((row) => row.id));
    expect(ids[0]).toHaveLength(30);
    expect(ids[1]).toEqual(ids[0]);
    expect(ids[2]).toEqual(ids[0]);
  });

  it("goes on behind an event that is no longer kept", async () => {
    await database.pool.query("delete from structure_events");
    await insertTestEvents(database.pool, [event(1), event(2), event(3)]);
    const [first, second] = await listEvents(database.pool, { limit: 3 });
    await database.pool.query("delete from structure_events where id <= $1", [second!.id]);
    const rows = await listEvents(database.pool, { afterId: first!.id, limit: 3 });
    expect(rows.map((row) => row.payload["n"])).toEqual([3]);
    expect(await listEvents(database.pool, { afterId: rows[0]!.id + 1_000, limit: 3 })).toEqual([]);
  });
});
