import { beforeAll, afterAll, describe, expect, it } from "vitest";
import { createPool, transaction, type Pool } from "@berth/core/db/pool";
import { startPgBouncer } from "../support/pgbouncer.js";
import { createTestDatabase } from "../support/postgres.js";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = await direct(database.url);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

/** A pool of one connection that has found out where it leads. */
async function direct(url: string): Promise<Pool> {
  const made = createPool(url, { max: 1 });
  for (const text of ["select 1", "select 1"]) await made.query(text);
  return made;
}

/** What this connection's backend has prepared, and how often it has planned and run it. */
const prepared = async (of: Pool, like: string): Promise<{ statement: string; runs: number }[]> => {
  const { rows } = await of.query(
    `select statement, (generic_plans + custom_plans)::int as runs from pg_prepared_statements where statement like '${like}'`,
  );
  return rows;
};

describe("the statements of a pool", () => {
  it("are prepared from their second time on, once a connection, however many are under way together", async () => {
    const text = "select $1::int + 1 as once";
    await pool.query(text, [0]);
    expect(await prepared(pool, "%as once%")).toEqual([]);
    await transaction(pool, async (tx) => {
      const answers = await Promise.all([1, 2, 3].map((n) => tx.query(text, [n])));
      expect(answers.map(({ rows }) => rows[0].once)).toEqual([2, 3, 4]);
    });
    expect(await prepared(pool, "%as once%")).toEqual([{ statement: text, runs: 3 }]);
  });

  it("go on when a migration changes what they return: alone, and in a transaction that is run again (I6)", async () => {
    await pool.query("create table changing (id int)");
    const text = "insert into changing values ($1) returning *";
    for (const n of [1, 2]) await pool.query(text, [n]);
    await pool.query("alter table changing add column more text default 'x'");
    expect((await pool.query(text, [3])).rows).toEqual([{ id: 3, more: "x" }]);
    await pool.query(text, [4]);
    await pool.query("alter table changing drop column more");
    let runs = 0;
    const inserted = await transaction(pool, async (tx) => {
      runs++;
      await tx.query("select $1::int", [1]);
      return (await tx.query(text, [5])).rows;
    });
    expect([inserted, runs]).toEqual([[{ id: 5 }], 2]);
    const { rows } = await pool.query("select array_agg(id order by id) as ids from changing");
    expect(rows).toEqual([{ ids: [1, 2, 3, 4, 5] }]);
  });

  it("go on when somebody has deallocated them", async () => {
    const text = "select $1::int + 2 as dropped";
    for (const n of [1, 2]) await pool.query(text, [n]);
    await pool.query("deallocate all");
    expect((await pool.query(text, [3])).rows).toEqual([{ dropped: 5 }]);
    expect(await transaction(pool, async (tx) => (await tx.query(text, [4])).rows)).toEqual([{ dropped: 6 }]);
  });

  it("have no names through a pooler, whose next backend wouldn't know them", async () => {
    await using pooler = await startPgBouncer(database.url);
    const pooled = await direct(pooler.url);
    try {
      for (const n of [1, 2, 3]) await pooled.query("select $1::int as through_pooler", [n]);
      expect(await prepared(pooled, "%as through_pooler%")).toEqual([]);
    } finally {
      await pooled.end();
    }
  });
});
