import type { Queryable } from "./pool.js";

/** This Berth: one database, whatever processes work on it. */
export interface Installation {
  id: string;
  created_at: Date;
}

/** It is made at the first start; of any number of processes that start at once all get the same. */
export async function openInstallation(db: Queryable): Promise<Installation> {
  await db.query("insert into installation default values on conflict do nothing");
  const { rows } = await db.query<Installation>("select id, created_at from installation");
  return rows[0]!;
}

/** What it has made is another's from now on: reported, and never touched. The next to open it makes a new one. */
export async function forgetInstallation(db: Queryable): Promise<void> {
  await db.query("delete from installation");
}

/**
 * Notes in which database the installation is. A copy made by PostgreSQL (a dump restored, a template) is told by it; one
 * of its files isn't. @returns once, what was found, in a sentence; null: it is where it was
 */
export async function noteDatabase(db: Queryable): Promise<string | null> {
  const { rows } = await db.query<{ was: string | null }>(
    `with here as (
       select (select system_identifier from pg_control_system()) || '/' || oid as database from pg_database
       where datname = current_database()
     ), before as (
       select database from installation for update
     )
     update installation i set database = here.database from here, before
     where i.database is distinct from here.database returning before.database as was`,
  );
  const was = rows[0]?.was ?? null;
  return was === null
    ? null
    : "this database is a copy, or was restored elsewhere: make sure that no Berth runs on the original, since two with one " +
        "installation's id would look after the same things; one that is to live beside it begins with `delete from installation`";
}
