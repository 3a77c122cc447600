import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { insertEvents } from "@berth/core/db/events";
import { withClient } from "@berth/core/db/connect";
import { createPool, transaction } from "@berth/core/db/pool";
import { EVENTS_CHANNEL, tellFinished } from "@berth/core/db/words";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";

let database: TestDatabase;
let listener: pg.Client;
let heard: { payload: string; pid: number }[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  listener = new pg.Client({ connectionString: database.url });
  await listener.connect();
  await listener.query(`listen berth_operation; listen ${EVENTS_CHANNEL}`);
  listener.on("notification", ({ payload = "", processId }) => heard.push({ payload, pid: processId }));
});
beforeEach(() => {
  heard = [];
});
afterAll(async () => {
  await listener.end();
  await database.drop();
});

const EVENT = { event_type: "workspace.test", workspace_id: null, payload: {} } as never;
const pidOf = async (name: string) =>
  (
    await database.pool.query<{ pid: number }>(
      "select pid from pg_stat_activity where datname = current_database() and application_name = $1",
      [name],
    )
  ).rows[0]!.pid;

describe("a word of a transaction", () => {
  it("is told after the commit, once, over a connection of its own, and not by the transaction's", async () => {
    let own = 0;
    await transaction(database.pool, async (tx) => {
      own = (await tx.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]!.pid;
      await insertEvents(tx, [EVENT]);
      tellFinished(tx, ["one", "one"]);
    });
    await vi.waitFor(() => expect(heard.map(({ payload }) => payload).toSorted()).toEqual(["", "one"]));
    const teller = await pidOf("test-words");
    expect(teller).not.toBe(own);
    expect(new Set(heard.map(({ pid }) => pid))).toEqual(new Set([teller]));
  });

  it("of one that is taken back is never told", async () => {
    const taken = transaction(database.pool, async (tx) => {
      tellFinished(tx, ["taken back"]);
      await tx.query("select 1 / 0");
    });
    await expect(taken).rejects.toThrow(/division by zero/);
    await transaction(database.pool, async (tx) => tellFinished(tx, ["after it"]));
    await vi.waitFor(() => expect(heard.map(({ payload }) => payload)).toEqual(["after it"]));
  });

  it("is told before the pool has ended", async () => {
    const ending = createPool(database.url, { name: "ending" });
    await transaction(ending, async (tx) => tellFinished(tx, ["last"]));
    await ending.end();
    await vi.waitFor(() => expect(heard.map(({ payload }) => payload)).toEqual(["last"]));
  });
});

describe("what a process of the version before writes", () => {
  it("is told by the triggers", async () => {
    await withClient(database.url, async (client) => {
      await client.query("begin");
      await client.query(
        "insert into structure_events (event_type, payload) values ('workspace.test', '{}')",
      );
      await client.query("commit");
    });
    await vi.waitFor(() => expect(heard).toHaveLength(1));
  });
});
