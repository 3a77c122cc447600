-- Ids of events are given before their transactions commit, so one with a smaller id can turn up later. `seq` is
-- given to events that have committed, by one at a time: who has read up to a `seq` has missed nothing.
create sequence structure_events_seq;
alter table structure_events add column seq bigint;
update structure_events set seq = id;
select setval('structure_events_seq', coalesce((select max(id) from structure_events), 0) + 1, false);
create unique index structure_events_order on structure_events (seq);
create index structure_events_unsettled on structure_events (id) where seq is null;

-- At most 10,000 a call, so that a backlog holds nobody up for long. Returns how many they were.
create function settle_events() returns int language plpgsql as $$
declare
  settled int;
begin
  if not exists (select from structure_events where seq is null) then
    return 0;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('berth.settle_events', 0));
  -- A statement of its own: its snapshot is younger than the lock.
  update structure_events e set seq = s.seq
  from (select id, nextval('structure_events_seq') as seq
        from (select id from structure_events where seq is null order by id limit 10000) unsettled) s
  where e.id = s.id;
  get diagnostics settled = row_count;
  return settled;
end $$;

create function structure_events_told() returns trigger language plpgsql as $$
begin
  perform pg_notify('berth_event', '');
  return null;
end $$;
create trigger structure_events_told after insert on structure_events
  for each statement execute function structure_events_told();

create function workspaces_status_told() returns trigger language plpgsql as $$
begin
  perform pg_notify('berth_status', new.id::text);
  return null;
end $$;
create trigger workspaces_status_told after update of status on workspaces
  for each row when (old.status is distinct from new.status) execute function workspaces_status_told();
