import { createPool, type Pool } from "@berth/core/db/pool";
import type { TestDatabase } from "./postgres.js";

/** A pool whose database's clock stands still until it is told to go on. */
export interface VirtualTime {
  pool: Pool;
  advance(ms: number): Promise<void>;
  now(): Promise<Date>;
  close(): Promise<void>;
}

/**
 * Puts functions of the same names before PostgreSQL's clock for all that goes through this pool: statements
 * and their columns' defaults read the time that the test decides on, and nothing of Berth knows.
 */
export async function virtualTime(database: TestDatabase): Promise<VirtualTime> {
  await database.pool.query(`
    create schema virtual;
    create table virtual.clock (at timestamptz not null);
    insert into virtual.clock values (date_trunc('milliseconds', now()));
    create function virtual.clock_timestamp() returns timestamptz language sql volatile as 'select at from virtual.clock';
    create function virtual.now() returns timestamptz language sql stable as 'select at from virtual.clock';
    do $$ declare c record; begin
      for c in select table_name, column_name from information_schema.columns
        where table_schema = 'public' and column_default ~ '(now|clock_timestamp)\\(\\)'
      loop execute format('alter table public.%I alter column %I set default virtual.clock_timestamp()',
        c.table_name, c.column_name); end loop;
    end $$;`);
  const url = new URL(database.url);
  url.searchParams.set("options", "-c search_path=virtual,pg_catalog,public");
  const pool = createPool(url.href, { name: "virtual" });
  return {
    pool,
    async advance(ms) {
      await pool.query("update virtual.clock set at = at + $1 * interval '1 millisecond'", [ms]);
    },
    async now() {
      return (await pool.query<{ at: Date }>("select at from virtual.clock")).rows[0]!.at;
    },
    close: () => pool.end(),
  };
}
