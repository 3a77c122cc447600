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
