import type { Pool } from "@berth/core/db/pool";
import type { Body } from "./bodies.js";

const KIB = 1_024;

const labels = Object.fromEntries(
  Array.from({ length: 64 }, (_, n) => [`label-${n}`.padEnd(63, "x"), "é".repeat(256)]),
);
/** Just within 64 KiB, by many variables and by few long arguments. */
const env = Object.fromEntries(Array.from({ length: 256 }, (_, n) => [`KEY_${n}`, "x".repeat(230)]));
const specs = {
  "many variables": { command: ["sleep"], env },
  "long arguments": { command: ["sleep", "\u0001".repeat(5 * KIB), "é".repeat(14 * KIB)] },
  "many arguments": { command: Array.from({ length: 256 }, () => "e\u0301".repeat(75)) },
};

const bodies = (values: Record<string, object>): Body[] =>
  Object.entries(values).map(([name, value]) => ({ name, text: JSON.stringify(value) }));

const report = (id: string): Body[] =>
  bodies({
    "a wide card": {
      workspace_id: id,
      card: Object.fromEntries(Array.from({ length: 1_200 }, (_, n) => [`key-${n}`, n])),
    },
    "a deep card": {
      workspace_id: id,
      card: JSON.parse(`${"[".repeat(60)}${"]".repeat(60)}`) as unknown,
    },
  });

/** Of the routes whose body may be large: valid ones that are as large as they may be. All others' are of a few hundred bytes. */
export const LARGEST: Readonly<Record<string, (workspaceId: string) => Body[]>> = {
  "POST /workspaces": () =>
    Object.entries(specs).flatMap(([name, spec]) =>
      bodies({ [name]: { name: "😀".repeat(128), labels, spec } }),
    ),
  // One alone: variables that a change doesn't give stay, and count.
  "PATCH /workspaces/{id}": () => bodies({ "many variables": { labels, spec: specs["many variables"] } }),
  "POST /operations/bulk": (id) =>
    bodies({
      "many ids": { kind: "pause", workspace_ids: Array.from({ length: 10_000 }, (_, n) => uuid(n)) },
      "one id often": { kind: "pause", workspace_ids: Array.from({ length: 10_000 }, () => id) },
    }),
  "POST /registry/register": report,
  "POST /registry/heartbeat": report,
};

function uuid(n: number): string {
  return `0d9f6f2e-3a5b-4c1d-9e8f-${n.toString(16).padStart(12, "0")}`;
}

/** Rows for pages that are as large as they may be: many, with all the labels and specs that fit. */
export async function fillLists(pool: Pool): Promise<void> {
  await pool.query(
    `with made as (
       insert into workspaces (id, name, backend, spec, labels, status)
       select gen_random_uuid(), 'w', 'process', $1, $2, 'online' from generate_series(1, 60) returning id
     ) insert into gates (workspace_id) select id from made`,
    [specs["many variables"], labels],
  );
  await pool.query(
    `with made as (
       insert into workspaces (id, name, backend, spec, status)
       select gen_random_uuid(), 'w', 'process', '{}', 'online' from generate_series(1, 1000) returning id
     ) insert into gates (workspace_id) select id from made`,
  );
  await pool.query(
    `insert into structure_events (event_type, workspace_id, payload)
     select 'workspace.online', id, jsonb_build_object('reason', repeat('x', 500)) from workspaces limit 1000`,
  );
  await pool.query("select settle_events()");
}
