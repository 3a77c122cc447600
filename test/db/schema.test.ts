import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { migrate, SchemaTooNewError } from "@berth/core/db/migrate";
import { BACKENDS, hasCompute } from "@berth/core/domain/backend";
import { BULK_KINDS, OPERATION_KINDS, OPERATION_STATES } from "@berth/core/domain/operation";
import { canBecome, STATUSES } from "@berth/core/domain/status";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const REMOVED_AT = "case when $2 = 'removed' then now() end";

async function insertWorkspace(status: string): Promise<string> {
  const id = randomUUID();
  await database.pool.query(
    `with made as (
       insert into workspaces (id, name, backend, spec, status, removed_at) values ($1, 'w', 'process', '{}', $2, ${REMOVED_AT})
       returning id
     ) insert into gates (workspace_id, tail) select id, 9 from made`,
    [id, status],
  );
  return id;
}

describe("the schema", () => {
  it("allows exactly the status changes of the domain's table", async () => {
    const wrong: string[] = [];
    for (const from of STATUSES)
      for (const to of STATUSES) {
        const id = await insertWorkspace(from);
        const allowed = await database.pool
          .query(`update workspaces set status = $2, removed_at = ${REMOVED_AT} where id = $1`, [id, to])
          .then(() => true)
          .catch((error: { code: string }) => {
            expect(error.code, `${from} → ${to}`).toBe("23514");
            return false;
          });
        if (allowed !== canBecome(from, to))
          wrong.push(`${from} → ${to}: SQL ${allowed ? "allows" : "refuses"} it`);
      }
    expect(wrong).toEqual([]);
  });

  it.each([
    ["operations", "kind", OPERATION_KINDS],
    ["operations", "state", OPERATION_STATES],
    ["bulk_operations", "kind", BULK_KINDS],
    ["workspaces", "status", STATUSES],
    ["workspaces", "backend", BACKENDS],
    ["resources", "backend", BACKENDS.filter(hasCompute)],
  ])("knows the same %s.%s as the domain", async (table, column, values) => {
    const { rows } = await database.pool.query<{ definition: string }>(
      `select pg_get_constraintdef(oid) as definition from pg_constraint
       where conrelid = $1::regclass and conname = $2`,
      [table, `${table}_${column}_check`],
    );
    expect(rows, `${table}_${column}_check`).toHaveLength(1);
    const inSql = [...rows[0]!.definition.matchAll(/'([a-z0-9_]+)'/g)].map((match) => match[1]);
    expect(inSql.toSorted()).toEqual([...values].toSorted());
  });

  it("holds at most one running operation and one waiting restart of a workspace (I1)", async () => {
    const id = await insertWorkspace("online");
    const insert = (ticket: number, kind: string, state: string) =>
      database.pool.query(
        `insert into operations (id, workspace_id, ticket, kind, state, source, requested_by, max_attempts, started_at)
         values ($1, $2, $3, $4, $5, 'api', 'test', 1, case when $5 = 'running' then now() end)`,
        [randomUUID(), id, ticket, kind, state],
      );
    await insert(1, "restart", "running");
    await expect(insert(2, "delete", "running")).rejects.toMatchObject({
      constraint: "operations_one_running",
    });
    await insert(2, "restart", "queued");
    await expect(insert(3, "restart", "queued")).rejects.toMatchObject({
      constraint: "operations_one_queued_restart",
    });
    await expect(insert(2, "delete", "queued")).rejects.toMatchObject({ code: "23505" });
  });

  it("holds at most one instance and one volume of a workspace that aren't proven gone (I1)", async () => {
    const id = randomUUID();
    const insert = (kind: string, state: string) =>
      database.pool.query(
        `insert into resources (id, workspace_id, kind, backend, name, client_token, generation, state, provider_id, gone_at)
         values ($1, $2, $3, 'process', 'n', 't', 1, $4, 'p', case when $4 = 'gone' then now() end)`,
        [randomUUID(), id, kind, state],
      );
    await insert("instance", "gone");
    await insert("instance", "releasing");
    await insert("volume", "present");
    await expect(insert("instance", "intended")).rejects.toMatchObject({ constraint: "resources_one_each" });
    await expect(insert("volume", "intended")).rejects.toMatchObject({ constraint: "resources_one_each" });
  });

  it("never lets a generation go back (I9)", async () => {
    const id = await insertWorkspace("online");
    await database.pool.query("update workspaces set generation = 5 where id = $1", [id]);
    await expect(
      database.pool.query("update workspaces set generation = 4 where id = $1", [id]),
    ).rejects.toMatchObject({ code: "23514" });
  });

  it("has no index on what changes in a gate, so that its updates stay on their page (HOT)", async () => {
    const { rows } = await database.pool.query<{ columns: string }>(
      "select pg_get_indexdef(indexrelid) as columns from pg_index where indrelid = 'gates'::regclass",
    );
    expect(rows.map((row) => row.columns.replace(/.*\(/, "("))).toEqual(["(workspace_id)"]);
  });
});

describe("migrate", () => {
  const emptyDatabase = async (): Promise<string> => {
    const name = `test_${randomUUID().slice(0, 8)}`;
    await database.pool.query(`create database ${name}`);
    const url = new URL(inject("postgres").url);
    url.pathname = `/${name}`;
    return url.href;
  };
  const drop = (url: string) =>
    database.pool.query(`drop database ${new URL(url).pathname.slice(1)} with (force)`);

  it("may be started by many processes at once", async () => {
    const url = await emptyDatabase();
    try {
      await Promise.all(Array.from({ length: 8 }, () => migrate(url)));
      await migrate(url);
    } finally {
      await drop(url);
    }
  });

  it("refuses a database that a newer Berth has migrated", async () => {
    await database.pool.query("insert into berth_schema (version) values (9999)");
    await expect(migrate(database.url)).rejects.toThrow(SchemaTooNewError);
    await expect(migrate(database.url)).rejects.toThrow(/schema 9999.*this Berth knows \d+/);
    await database.pool.query("delete from berth_schema where version = 9999");
  });
});
