import { type AddressInfo, connect, createServer } from "node:net";
import { Transform } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkPostgres } from "@berth/core/db/check-postgres";
import { openQueues } from "@berth/core/queues/producer";
import { startPgBouncer, type PgBouncer } from "../support/pgbouncer.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";

/** The tests' server doesn't fsync. */
const FSYNC = expect.stringMatching(
  / has fsync off: a crash of its machine may lose all of it: set it to on$/,
);
const FINE = { found: expect.any(String), unreachable: null, lacks: [], warnings: [FSYNC] };

let database: TestDatabase;
let pooler: PgBouncer;
beforeAll(async () => {
  database = await createTestDatabase();
  pooler = await startPgBouncer(database.url);
});
afterAll(async () => {
  await database.pool.query("drop owned by check_user; drop role check_user").catch(() => undefined);
  await pooler[Symbol.asyncDispose]();
  await database.drop();
});

const check = (url: string, more: Partial<Parameters<typeof checkPostgres>[0]> = {}) =>
  checkPostgres({
    databaseUrl: url,
    databaseListenUrl: null,
    redisUrl: "redis://r",
    connections: 20,
    ...more,
  });
/** A way to a port of this machine on which each answer takes half a second. */
async function slowWay(to: number) {
  const server = createServer((near) => {
    const far = connect(to, "127.0.0.1");
    near.pipe(far);
    const later = new Transform({
      transform: (chunk, _encoding, done) => void setTimeout(() => done(null, chunk), 500),
    });
    far.pipe(later).pipe(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.on("error", () => undefined).on("close", () => other.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.asyncDispose]: async () => void server.close() };
}

/** The database's URL with startup options. */
const withOptions = (options: string): string => `${database.url}?options=${encodeURIComponent(options)}`;

describe("the check of PostgreSQL at the start", () => {
  it("finds nothing amiss with one as documented, and says what it is", async () => {
    const report = await check(database.url);
    expect(report).toEqual(FINE);
    expect(report.found).toMatch(/^PostgreSQL \d+\.\d+, \d+ of \d+ connections left$/);
    expect(await check(database.url, { redisUrl: null })).toEqual(FINE);
  });

  it("doesn't take one that answers slowly for a pooler", async () => {
    await using slow = await slowWay(Number(new URL(database.url).port));
    const url = new URL(database.url);
    url.port = String(slow.port);
    expect(await check(url.href)).toEqual(FINE);
    expect(await check(url.href, { redisUrl: null })).toEqual(FINE);
  });

  it("names what a user may not do, with the cure", async () => {
    const { pool } = database;
    await pool.query("create role check_user login password 'hunter2'");
    const url = new URL(database.url);
    url.username = "check_user";
    url.password = "hunter2";
    expect((await check(url.href)).lacks).toEqual([
      expect.stringMatching(
        /has Berth's tables, which belong to berth: connect as that user, or GRANT berth to this one$/,
      ),
    ]);
    await pool.query("alter table berth_schema owner to check_user");
    expect((await check(url.href, { redisUrl: null })).lacks).toEqual([
      expect.stringMatching(/doesn't let this user make tables: GRANT CREATE ON SCHEMA public TO it/),
      expect.stringMatching(/make the queues' schema: GRANT CREATE ON DATABASE … TO it, or set REDIS_URL$/),
    ]);
    url.password = "other";
    const wrong = await check(url.href);
    expect(wrong.lacks).toEqual([expect.stringMatching(/can't be used \(password authentication failed/)]);
    expect(wrong.lacks[0]).not.toContain("other");
    url.pathname = "/nothing";
    url.password = "hunter2";
    expect((await check(url.href)).lacks).toEqual([
      expect.stringMatching(/database "nothing" does not exist/),
    ]);
  });

  it("tells one that isn't there from one that refuses", async () => {
    expect(await check("postgres://u:hunter2@127.0.0.1:1/db")).toEqual({
      found: null,
      unreachable: "DATABASE_URL: 127.0.0.1:1 can't be used (connect ECONNREFUSED 127.0.0.1:1)",
      lacks: [],
      warnings: [],
    });
  });

  it("names settings that may lose or refuse work", async () => {
    expect((await check(withOptions("-c default_transaction_read_only=on"))).lacks).toEqual([
      expect.stringMatching(/is read-only for this user: set default_transaction_read_only to off$/),
    ]);
    expect((await check(withOptions("-c synchronous_commit=off"))).warnings).toEqual([
      FSYNC,
      expect.stringMatching(/has synchronous_commit off/),
    ]);
    expect((await check(database.url, { connections: 100_000 })).warnings).toEqual([
      FSYNC,
      expect.stringMatching(
        /has \d+ connections left, and this process may open 100000: raise max_connections$/,
      ),
    ]);
  });
});

describe("the check of a PostgreSQL behind a pooler in transaction mode", () => {
  it("warns where the queues are on Redis, unless there is a direct address", async () => {
    expect(await check(pooler.url)).toEqual({
      ...FINE,
      warnings: [
        FSYNC,
        expect.stringMatching(/up to 250 ms late: set DATABASE_LISTEN_URL to a direct address$/),
      ],
    });
    expect(await check(pooler.url, { databaseListenUrl: database.url })).toEqual(FINE);
    expect((await check(pooler.url, { databaseListenUrl: pooler.url })).warnings).toEqual([
      FSYNC,
      expect.stringMatching(/let DATABASE_LISTEN_URL be a direct address of the same database$/),
    ]);
  });

  it("refuses it where the queues are in PostgreSQL, unless there is a direct address, over which they work", async () => {
    const queuesHere = { redisUrl: null };
    expect((await check(pooler.url, queuesHere)).lacks).toEqual([
      expect.stringMatching(
        /need a direct connection: set DATABASE_LISTEN_URL to a direct address, or set REDIS_URL$/,
      ),
    ]);
    expect(await check(pooler.url, { ...queuesHere, databaseListenUrl: database.url })).toEqual(FINE);
    const queues = await openQueues(
      {
        databaseUrl: pooler.url,
        databaseListenUrl: database.url,
        redisUrl: null,
        redisCa: null,
        queuePrefix: "{test}",
        parkMs: 1_000,
        retryDelayMs: 100,
      },
      () => undefined,
    );
    await queues.ping();
    await queues.close();
  });
});
