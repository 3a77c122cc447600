import { expect } from "vitest";
import type { Pool } from "@berth/core/db/pool";

/**
 * Watches the recorded provider from inside its database, so that no timing of the test can miss a breach:
 * a call begun while another of its workspace is under way (I1), a second live instance (I1), a volume asked
 * away while an instance lives (I8), a volume lost by a workspace that keeps it.
 */
export async function watchProvider(provider: Pool): Promise<void> {
  await provider.query(`
    create table provider_breaches (breach text not null, workspace_id uuid, detail jsonb, at timestamptz default clock_timestamp());
    create function provider_call_begins() returns trigger language plpgsql as $$ begin
      -- Two calls begun at once would not see each other's row.
      perform pg_advisory_xact_lock(hashtextextended(new.workspace_id::text, 0));
      insert into provider_breaches select 'I1: calls overlap', new.workspace_id,
        jsonb_build_object('second', to_jsonb(new), 'first', to_jsonb(c))
        from provider_calls c where c.workspace_id = new.workspace_id and c.ended_at is null;
      insert into provider_breaches select 'I8: volume asked away under a live instance', new.workspace_id, to_jsonb(t)
        from provider_things t where new.call = 'removeVolume' and t.workspace_id = new.workspace_id
          and t.kind = 'instance' and t.removed_at is null;
      return new; end $$;
    create trigger provider_call_begins before insert on provider_calls
      for each row execute function provider_call_begins();
    create function provider_thing_made() returns trigger language plpgsql as $$ begin
      insert into provider_breaches select 'I1: a second instance', new.workspace_id,
        jsonb_build_object('second', to_jsonb(new), 'first', to_jsonb(t))
        from provider_things t where new.kind = 'instance' and t.kind = 'instance'
          and t.workspace_id = new.workspace_id and t.removed_at is null;
      return new; end $$;
    create trigger provider_thing_made before insert on provider_things
      for each row execute function provider_thing_made();`);
}

/** Fails with what {@link watchProvider} has seen. */
export async function expectNoBreach(provider: Pool): Promise<void> {
  const { rows } = await provider.query("select breach, workspace_id, detail from provider_breaches limit 5");
  expect(rows, "breaches that the provider saw").toEqual([]);
}

/** The calls of a process that is dead or frozen for good are over: what comes next doesn't overlap them. */
export async function endCallsOf(pid: number, core: Pool, provider: Pool = core): Promise<void> {
  const { rows } = await core.query<{ workspace_id: string }>(
    "select workspace_id from gates where split_part(owner, '/', 2) = $1",
    [String(pid)],
  );
  await provider.query(
    `update provider_calls set outcome = 'caller died', ended_at = clock_timestamp()
     where ended_at is null and workspace_id = any ($1)`,
    [rows.map((row) => row.workspace_id)],
  );
}

/** Operations that ran (cancelled ones may never have) began and ended in the order of their tickets (I2). */
export async function expectOrder(core: Pool): Promise<void> {
  const { rows } = await core.query(
    `select * from (
       select workspace_id, ticket, kind, state, started_at, finished_at,
         lag(ticket) over w as ticket_before, lag(state) over w as state_before, lag(finished_at) over w as finished_before
       from operations where started_at is not null
       window w as (partition by workspace_id order by ticket)
     ) o where ticket_before is not null and (finished_before is null or started_at < finished_before) limit 5`,
  );
  expect(rows, "I2: operations that began before their predecessor ended").toEqual([]);
}

/** The ledger and the provider tell the same story, and every workspace that is there knows its instance. */
export async function expectTrueLedger(core: Pool, provider: Pool = core): Promise<void> {
  const things = await provider.query<{ id: string }>(
    "select workspace_id, kind, id from provider_things where removed_at is null order by workspace_id, kind, id",
  );
  const ledger = await core.query(
    `select workspace_id, kind, provider_id as id from resources where state <> 'gone'
     order by workspace_id, kind, provider_id`,
  );
  expect(ledger.rows, "the ledger (expected: what the provider has)").toEqual(things.rows);
  const open = await core.query("select * from resources where state not in ('present', 'gone') limit 5");
  expect(open.rows, "ledger rows whose outcome is open").toEqual([]);
  const instances = await core.query(
    `select w.id, w.status, w.instance_id, r.provider_id, w.generation, r.generation as of_instance
     from workspaces w left join resources r on r.workspace_id = w.id and r.kind = 'instance' and r.state <> 'gone'
     where w.instance_id is distinct from r.provider_id or w.generation < r.generation
       or (w.status = 'online' and r.generation is distinct from w.generation) limit 5`,
  );
  expect(instances.rows, "workspaces that know another instance than the ledger").toEqual([]);
}

/** Every operation has ended, no gate is held, and no volume went but by a delete (I7). */
export async function expectSettled(core: Pool, provider: Pool = core): Promise<void> {
  const open = await core.query(
    `select o.workspace_id, o.ticket, o.kind, o.state, o.phase, o.attempt, o.takeovers, o.error, g.head, g.tail
     from operations o join gates g using (workspace_id) where o.state in ('queued', 'running') limit 5`,
  );
  expect(open.rows, "I7: operations that haven't ended").toEqual([]);
  const gates = await core.query("select * from gates where owner is not null or head <> tail limit 5");
  expect(gates.rows, "gates that aren't at rest").toEqual([]);
  const kept = await core.query<{ id: string }>("select id from workspaces where status <> 'removed'");
  const lost = await provider.query(
    `select workspace_id from provider_calls where call = 'removeVolume' and workspace_id = any ($1)`,
    [kept.rows.map((row) => row.id)],
  );
  expect(lost.rows, "workspaces that lost their volume").toEqual([]);
}
