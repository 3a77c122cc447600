// npm run bench:growth [rows]: what reads cost at 10,000 workspaces and at 1,000,000, in one run each.
import pg from "pg";
import { countOperations, countWorkspaces } from "@berth/core/db/counts";
import { expiringWorkspaces } from "@berth/core/db/expiry";
import { migrate } from "@berth/core/db/migrate";
import { findOperations } from "@berth/core/db/operation-lists";
import type { Queryable } from "@berth/core/db/pool";
import { countAgents, silentAgents } from "@berth/core/db/sweep-queries";
import { listClaims } from "@berth/core/db/sightings";
import { listWorkspaces } from "@berth/core/db/workspace-lists";
import { startPostgres } from "../support/postgres.js";

const ROUNDS = 9;
const FEW = 10_000;
const MANY = Number(process.argv[2] ?? 1_000_000);
const PAGE = { includeRemoved: false, limit: 50 };

const READS: Readonly<Record<string, (db: Queryable) => Promise<unknown>>> = {
  "sweep expiry": (db) => expiringWorkspaces(db, 900_000, 100, null),
  "sweep liveness: how many": countAgents,
  "sweep liveness: which": (db) => silentAgents(db, 90_000, 100),
  "sweep leaked-instances": (db) => listClaims(db, "ec2"),
  "metrics: workspaces": countWorkspaces,
  "metrics: operations": countOperations,
  "page of workspaces": (db) => listWorkspaces(db, PAGE),
  "page of a label": (db) => listWorkspaces(db, { ...PAGE, labels: { team: "t1" } }),
  "page of a status": (db) => listWorkspaces(db, { ...PAGE, statuses: ["failed"] }),
  "page of a backend": (db) => listWorkspaces(db, { ...PAGE, backends: ["external"] }),
  "page of a backend of which none is left": (db) => listWorkspaces(db, { ...PAGE, backends: ["ec2"] }),
  "page of failed operations": (db) => findOperations(db, { states: ["failed"], limit: 50 }),
};

/** A quarter is removed, from `ec2`; of the rest, which is `external`, one in fifteen failed. */
async function fill(db: pg.Client, n: number): Promise<void> {
  // Triggers would take minutes, and make what is made here.
  await db.query(
    "set synchronous_commit = off; set work_mem = '128MB'; set session_replication_role = replica",
  );
  const at = `now() - (${n} - i) * interval '25 days' / ${n}`;
  await db.query(`
    insert into workspaces (id, name, backend, place, spec, labels, status, generation, created_at, removed_at,
      last_heartbeat_at, last_launched_at)
    select md5('w' || i)::uuid, 'ws-' || i, b, b, '{}', jsonb_build_object('team', 't' || i % 100),
      case when b = 'ec2' then 'removed' when i % 20 = 1 then 'failed' else 'online' end, 1, ${at},
      case when b = 'ec2' then ${at} end, case when b <> 'ec2' then now() + interval '6 hours' end, ${at}
    from (select i, case when i % 4 = 0 then 'ec2' else 'external' end as b from generate_series(1, ${n}) i) s`);
  await db.query(
    "insert into workspace_labels (key, value, created_at, workspace_id) select 'team', labels ->> 'team', created_at, id from workspaces",
  );
  await db.query("insert into gates (workspace_id, tail, head, fence) select id, 1, 1, 2 from workspaces");
  await db.query(`
    insert into operations (id, workspace_id, place, ticket, kind, state, generation, source, requested_by, attempt,
      max_attempts, error, created_at, started_at, finished_at)
    select md5('o' || i)::uuid, md5('w' || i)::uuid, case when i % 4 = 0 then 'ec2' else 'external' end, 1, 'provision',
      case when i % 20 = 1 then 'failed' else 'succeeded' end, 1, 'api', 'key', 1, 5,
      case when i % 20 = 1 then '{"code":"start_failed","message":"x","provider_code":null}'::jsonb end, ${at}, ${at}, ${at}
    from generate_series(1, ${n}) i`);
  await db.query("vacuum analyze");
  await db.query("reset session_replication_role; reset work_mem");
}

/** The median of each read, in ms. */
async function measure(n: number): Promise<Map<string, number>> {
  await using server = await startPostgres();
  await migrate(server.url);
  const db = new pg.Client({ connectionString: server.url });
  await db.connect();
  try {
    await fill(db, n);
    const medians = new Map<string, number>();
    for (const [name, read] of Object.entries(READS)) {
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const begun = performance.now();
        await read(db as unknown as Queryable);
        times.push(performance.now() - begun);
      }
      medians.set(name, times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)]!);
    }
    return medians;
  } finally {
    await db.end();
  }
}

const few = await measure(FEW);
const many = await measure(MANY);
console.log(`| p50 in ms | ${FEW} | ${MANY} |\n| --- | --- | --- |`);
for (const [name, ms] of few) console.log(`| ${name} | ${ms.toFixed(1)} | ${many.get(name)!.toFixed(1)} |`);
