-- NOTIFY makes commits serial over the whole server, so whoever can tells after its commit and says so in the transaction
-- (db/words.ts). These go on telling for statements outside of one, and for processes older than this.
create or replace function structure_events_told() returns trigger language plpgsql as $$
begin
  if current_setting('berth.told', true) is distinct from 'after' then
    perform pg_notify('berth_event', '');
  end if;
  return null;
end $$;

create or replace function workspaces_status_told() returns trigger language plpgsql as $$
begin
  if current_setting('berth.told', true) is distinct from 'after' then
    perform pg_notify('berth_status', new.id::text);
  end if;
  return null;
end $$;
