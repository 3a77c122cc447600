import { randomUUID } from "node:crypto";
import { findEvents } from "@berth/core/db/events";
import { findOperations } from "@berth/core/db/operation-lists";
import type { Pool } from "@berth/core/db/pool";
import { listWorkspaces } from "@berth/core/db/workspace-lists";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";

const ROWS = 1_000_000;
/** Rows that pass the steps of a plan, whatever is asked for: 5,000 are looked at, in some ten steps. */
const MAX_TOUCHED = 60_000;

interface PlanNode {
  "Node Type": string;
  "Relation Name"?: string;
  "Actual Rows": number;
  "Actual Loops": number;
  "Rows Removed by Filter"?: number;
  "Rows Removed by Index Recheck"?: number;
  Plans?: PlanNode[];
}

let database: TestDatabase;
/** Most are of team grey, every 20th is of team red, one in 100,000 is rare. */
beforeAll(async () => {
  database = await createTestDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    // Without triggers and foreign keys: what they would write is written here, at once.
    await client.query("set session_replication_role = replica");
    // Built at once over all rows, indexes take a fraction of the time.
    await client.query("set maintenance_work_mem = '512MB'");
    const { rows: indexes } = await client.query<{ name: string; definition: string }>(
      `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition from pg_index
       where indrelid = any (array['workspaces', 'workspace_labels', 'operations', 'structure_events']::regclass[])
         and not exists (select from pg_constraint where conindid = indexrelid)`,
    );
    await client.query(`drop index ${indexes.map(({ name }) => name).join(", ")}`);
    const labels = `jsonb_build_object('team', (array['red', 'blue', 'green', 'grey'])[1 + least(n % 20, 3)],
      'rare', case when n % 100000 = 77 then 'yes' else 'no' end)`;
    const at = (n: string) => `timestamptz '2026-01-01' + ${n} * interval '1 second'`;
    await client.query(
      `insert into workspaces (id, name, parent_id, backend, spec, labels, status, created_at, removed_at)
       select md5('w' || n)::uuid, 'name-' || n % 1000, case when n % 10 = 5 then md5('w' || n / 1000)::uuid end,
         (array['docker', 'ec2', 'process', 'external'])[1 + n % 4], '{}', ${labels},
         case when n % 100000 = 5 then 'failed' when n % 3 = 0 then 'removed' else 'online' end, ${at("n")},
         case when n % 100000 <> 5 and n % 3 = 0 then now() end
       from generate_series(1, ${ROWS}) n`,
    );
    await client.query(
      "insert into workspace_labels select l.key, l.value, w.created_at, w.id from workspaces w, jsonb_each_text(w.labels) l",
    );
    await client.query(
      `insert into operations (id, workspace_id, ticket, kind, state, source, requested_by, max_attempts, error,
         created_at, started_at, finished_at)
       select md5('o' || n)::uuid, md5('w' || n)::uuid, 1,
         case when n % 100000 = 9 then 'hibernate' else 'restart' end,
         case when n % 100000 = 8 then 'failed' else 'succeeded' end, 'api', 'caller-' || n % 7, 5, '{}', ${at("n")},
         now(), now()
       from generate_series(1, ${ROWS}) n`,
    );
    await client.query(
      `insert into structure_events (event_type, workspace_id, created_at, seq)
       select case when n % 100000 = 3 then 'workspace.rare' else 'workspace.online' end, md5('w' || n % 50000)::uuid,
         ${at("n")}, n
       from generate_series(1, ${ROWS}) n`,
    );
    for (const { definition } of indexes) await client.query(definition);
    await client.query("select setval('structure_events_seq', $1)", [ROWS + 1]);
    await client.query("analyze workspaces, workspace_labels, operations, structure_events");
  } finally {
    await client.end();
  }
}, 600_000);
afterAll(() => database.drop());

/** Runs a list, and every statement of it again as a plan that was carried out. @returns rows touched. */
async function touched(run: (pool: Pool) => Promise<unknown>): Promise<number> {
  const statements: { text: string; values: unknown[] }[] = [];
  const spying = new Proxy(database.pool, {
    get(target, name) {
      if (name !== "query") return Reflect.get(target, name) as unknown;
      return (text: string, values: unknown[]) => {
        statements.push({ text, values });
        return target.query(text, values);
      };
    },
  });
  await run(spying);
  let sum = 0;
  for (const { text, values } of statements) {
    const { rows } = await database.pool.query<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
      `explain (analyze, format json) ${text}`,
      values,
    );
    const walk = (node: PlanNode): void => {
      const removed = (node["Rows Removed by Filter"] ?? 0) + (node["Rows Removed by Index Recheck"] ?? 0);
      sum += (node["Actual Rows"] + removed) * node["Actual Loops"];
      for (const child of node.Plans ?? []) walk(child);
    };
    walk(rows[0]!["QUERY PLAN"][0].Plan);
  }
  return sum;
}

const nobody = randomUUID();
const time = (n: number): string => new Date(Date.UTC(2026, 0, 1) + n * 1_000).toISOString();
const page = { limit: 100 };
const live = { includeRemoved: false, ...page };

describe(`a page out of ${ROWS.toLocaleString("en")} rows`, () => {
  it.each(
    Object.entries({
      "of all": live,
      "of removed ones too": { ...live, includeRemoved: true },
      "of a frequent status": { ...live, statuses: ["online"] as const },
      "of a rare status": { ...live, statuses: ["failed"] as const },
      "of a status that none has": { ...live, statuses: ["paused"] as const },
      "of several statuses": { ...live, statuses: ["failed", "offline", "degraded"] as const },
      "of a backend": { ...live, backends: ["ec2"] },
      "of a backend and a rare status": { ...live, backends: ["ec2"], statuses: ["failed"] as const },
      "of a frequent label": { ...live, labels: { team: "grey" } },
      "of a rare label": { ...live, labels: { rare: "yes" } },
      "of a label that none has": { ...live, labels: { team: "none" } },
      "of a frequent and a rare label": { ...live, labels: { team: "grey", rare: "yes" } },
      "of a label and a rare status": { ...live, labels: { team: "grey" }, statuses: ["failed"] as const },
      "of a label, a backend and a status": {
        ...live,
        labels: { team: "red" },
        backends: ["process"],
        statuses: ["online"] as const,
      },
      "of a parent": { ...live, parentId: nobody },
      "of a name": { ...live, name: "name-7" },
      "of a name that none has": { ...live, name: "nobody" },
      "of a time": { ...live, createdAfter: time(500_000), createdBefore: time(500_010) },
      "of a time and a label": { ...live, createdAfter: time(900_000), labels: { team: "grey" } },
      "of a late time and a rare status": {
        ...live,
        createdAfter: time(999_000),
        statuses: ["failed"] as const,
      },
    }),
  )("of workspaces, %s, touches few of them", async (_, filter) => {
    expect(await touched((pool) => listWorkspaces(pool, filter))).toBeLessThan(MAX_TOUCHED);
  });

  it.each(
    Object.entries({
      "of all": page,
      "that succeeded": { ...page, states: ["succeeded"] as const },
      "that failed": { ...page, states: ["failed"] as const },
      "that wait or run": { ...page, states: ["queued", "running"] as const },
      "of a rare kind": { ...page, kinds: ["hibernate"] },
      "of a source that none has": { ...page, sources: ["idle"] },
      "of a caller": { ...page, requestedBy: "caller-3" },
      "of a backend": { ...page, backends: ["ec2"] },
      "of a rare label": { ...page, labels: { rare: "yes" } },
      "of a label and a state": { ...page, labels: { team: "red" }, states: ["failed"] as const },
      "of a time": { ...page, createdAfter: time(10), createdBefore: time(400) },
    }),
  )("of operations, %s, touches few of them", async (_, filter) => {
    expect(await touched((pool) => findOperations(pool, filter))).toBeLessThan(MAX_TOUCHED);
  });

  it.each(
    Object.entries({
      "of all": page,
      "after one": { ...page, afterId: 700_000 },
      "of a frequent type": { ...page, types: ["workspace.online"] },
      "of a rare type": { ...page, types: ["workspace.rare"] },
      "of a type that none has": { ...page, types: ["workspace.none"] },
      "of several types": { ...page, types: ["workspace.none", "workspace.rare"] },
      "of a workspace": { ...page, workspaceId: "c5b6a6a2-bd2a-4b1c-a8e8-e7ffcb42e1f0" },
      "of a workspace and a type": { ...page, workspaceId: nobody, types: ["workspace.rare"] },
      "of a rare label": { ...page, labels: { rare: "yes" } },
      "of a late time": { ...page, createdAfter: time(999_000) },
      "of a late time and a rare type": { ...page, createdAfter: time(999_000), types: ["workspace.rare"] },
      "of a time to come": { ...page, createdAfter: time(2_000_000) },
    }),
  )("of events, %s, touches few of them", async (_, filter) => {
    expect(await touched((pool) => findEvents(pool, filter))).toBeLessThan(MAX_TOUCHED);
  });

  it("leads on where few pass the filter, so that all are found, each once", async () => {
    const found: string[] = [];
    let after: readonly string[] | null = null;
    let pages = 0;
    do {
      const { rows, next }: Awaited<ReturnType<typeof listWorkspaces>> = await listWorkspaces(database.pool, {
        includeRemoved: true,
        labels: { team: "blue", rare: "no" },
        createdBefore: time(100_000),
        after,
        limit: 1_000,
      });
      found.push(...rows.map((row) => row.id));
      after = next;
      pages++;
    } while (after !== null);
    const { rows } = await database.pool.query<{ n: number }>(
      `select count(*)::int as n from workspaces where labels @> '{"team": "blue", "rare": "no"}' and created_at < $1`,
      [time(100_000)],
    );
    expect(found).toHaveLength(rows[0]!.n);
    expect(new Set(found).size).toBe(found.length);
    expect(pages).toBeGreaterThan(4);
    const rare: string[] = [];
    let beyond: readonly string[] | null = null;
    let short = 0;
    do {
      const { rows: some, next }: Awaited<ReturnType<typeof findOperations>> = await findOperations(
        database.pool,
        {
          kinds: ["hibernate"],
          after: beyond,
          limit: 1,
        },
      );
      rare.push(...some.map((row) => row.id));
      if (some.length === 0) short++;
      beyond = next;
    } while (beyond !== null);
    expect(new Set(rare).size).toBe(10);
    expect(rare).toHaveLength(10);
    expect(short).toBeGreaterThan(100);
  });

  it("finds a workspace by the labels that it has, and no longer by those that it had", async () => {
    const { pool } = database;
    const id = randomUUID();
    const by = async (labels: Record<string, string>) =>
      (await listWorkspaces(pool, { includeRemoved: false, labels, limit: 10 })).rows.map((row) => row.id);
    await pool.query(
      `insert into workspaces (id, name, backend, spec, labels, status) values ($1, 'l', 'process', '{}', $2, 'online')`,
      [id, { "a.b/c": "x:y", d: "" }],
    );
    expect([await by({ "a.b/c": "x:y" }), await by({ d: "" })]).toEqual([[id], [id]]);
    await pool.query("update workspaces set labels = $2 where id = $1", [id, { d: "e" }]);
    expect([await by({ "a.b/c": "x:y" }), await by({ d: "" }), await by({ d: "e" })]).toEqual([[], [], [id]]);
    await pool.query("delete from workspaces where id = $1", [id]);
    const { rows } = await pool.query("select 1 from workspace_labels where workspace_id = $1", [id]);
    expect(rows).toEqual([]);
  });
});
