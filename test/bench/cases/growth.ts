import { countOperations, countWorkspaces } from "@berth/core/db/counts";
import { expiringWorkspaces } from "@berth/core/db/expiry";
import { migrate } from "@berth/core/db/migrate";
import { findOperations } from "@berth/core/db/operation-lists";
import type { Queryable } from "@berth/core/db/pool";
import { listClaims } from "@berth/core/db/sightings";
import { countAgents, silentAgents } from "@berth/core/db/sweep-queries";
import { listWorkspaces } from "@berth/core/db/workspace-lists";
import pg from "pg";
import type { Bed } from "../frame/bed.js";
import type { Case, Opened } from "../frame/case.js";
import { median } from "../frame/run.js";

const TIMES = 9;
const FEW = 10_000;
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

async function filled(bed: Bed, n: number): Promise<pg.Client> {
  const url = await bed.fresh();
  await migrate(url);
  const db = new pg.Client({ connectionString: url });
  await db.connect();
  await fill(db, n);
  return db;
}

async function p50(db: pg.Client, read: (db: Queryable) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < TIMES; n++) {
    const begun = performance.now();
    await read(db as unknown as Queryable);
    times.push(performance.now() - begun);
  }
  return median(times);
}

async function openGrowth(bed: Bed, many: number): Promise<Opened> {
  const few = await filled(bed, FEW);
  const full = await filled(bed, Math.ceil(many * bed.scale));
  return {
    async run(subject) {
      const read = READS[subject]!;
      const [small, value] = [await p50(few, read), await p50(full, read)];
      return { value, more: { "with 10,000, ms": small, "× of that": value / small }, broken: [] };
    },
    async close() {
      await few.end();
      await full.end();
    },
  };
}

const NAMES = Object.keys(READS);
const beginning = (word: string): string[] => NAMES.filter((name) => name.startsWith(word));

function growthCase(name: string, many: number, told: Pick<Case, "minutes" | "alone">): Case {
  const size = many.toLocaleString("en-US");
  return {
    ...told,
    name,
    title: `Reads with ${size} workspaces`,
    what: `The statements of sweeps, metrics and pages on the same data with 10,000 and with ${size} workspaces, of which a quarter is removed; each the p50 of ${TIMES}.`,
    unit: "p50 in ms",
    better: "less",
    subjects: NAMES,
    reference: "page of workspaces",
    targets: [
      { what: `slowest page with ${size} workspaces, ms`, subject: beginning("page"), most: 30 },
      { what: `slowest sweep with ${size}, ms`, subject: beginning("sweep"), most: 30 },
      { what: `slowest of \`/metrics\` with ${size}, ms`, subject: beginning("metrics"), most: 50 },
      {
        what: `most that a page or sweep has grown from 10,000 to ${size}, ×`,
        subject: [...beginning("page"), ...beginning("sweep")],
        of: "× of that",
        most: 2,
      },
    ],
    open: (bed) => openGrowth(bed, many),
  };
}

export const growth = growthCase("growth", 100_000, { minutes: 1.5 });
export const growthMillion = growthCase("growth-million", 1_000_000, { minutes: 10, alone: true });
