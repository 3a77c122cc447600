-- Where backends make things: one daemon, one account in one Region, one machine. What a provider says of a resource
-- counts only if it comes from the place where that resource was made (I12).
create table places (
  name text primary key check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  backend text not null check (backend in ('docker', 'ec2', 'process', 'external')),
  -- As the provider tells it; null until the first contact.
  identity text,
  identified_at timestamptz,
  -- Who said so, where the first contact found nothing to tell it by.
  confirmed_by text,
  labels jsonb not null default '{}',
  -- How many workspaces may run there; null: any number.
  capacity int check (capacity >= 0),
  weight int not null default 1 check (weight between 1 and 1000),
  cordoned boolean not null default false,
  last_error text,
  last_error_at timestamptz,
  -- An operator says that it is gone for good.
  lost_at timestamptz,
  lost_by text,
  lost_reason text,
  version bigint not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  check ((lost_at is null) = (lost_by is null) and (lost_at is null) = (lost_reason is null))
);
-- Two names for one daemon would each call the other's things unclaimed.
create unique index places_identity on places (backend, identity) where lost_at is null;
-- The one place of each backend that today's settings make.
insert into places (name, backend)
  values ('docker', 'docker'), ('ec2', 'ec2'), ('process', 'process'), ('external', 'external');

-- What each worker process reaches under a place's name. A row is as old as its worker's last word.
create table place_workers (
  place text not null references places (name) on delete cascade,
  worker text not null,
  state text not null
    check (state in ('confirmed', 'mismatch', 'unreachable', 'unconfirmed', 'taken', 'lost')),
  identity text,
  -- In one sentence; null: none.
  problem text,
  since timestamptz not null default clock_timestamp(),
  last_seen_at timestamptz not null default clock_timestamp(),
  primary key (place, worker)
) with (fillfactor = 70);

-- Rows that are there take the one place of their backend. A constant default writes no row, and most rows have the
-- same backend. Code older than this leaves the column out, and triggers fill it in.
do $$
declare
  usual text := coalesce((select backend from workspaces group by backend order by count(*) desc limit 1), 'docker');
begin
  execute format('alter table workspaces add column place text default %L', usual);
  execute format('alter table operations add column place text default %L', usual);
  execute format('alter table resources add column place text default %L', usual);
end $$;
alter table workspaces alter column place drop default;
alter table operations alter column place drop default;
alter table resources alter column place drop default;
update workspaces set place = backend where place <> backend;
update operations o set place = w.place from workspaces w where w.id = o.workspace_id and o.place <> w.place;
update resources set place = backend where place <> backend;

create function workspaces_placed() returns trigger language plpgsql as $$
begin
  new.place := new.backend;
  return new;
end $$;
create trigger workspaces_placed before insert on workspaces
  for each row when (new.place is null) execute function workspaces_placed();

-- An operation is carried out where its workspace is.
create function operations_placed() returns trigger language plpgsql as $$
begin
  new.place := (select place from workspaces where id = new.workspace_id);
  return new;
end $$;
create trigger operations_placed before insert on operations
  for each row when (new.place is null) execute function operations_placed();

create function resources_placed() returns trigger language plpgsql as $$
begin
  new.place := coalesce((select place from workspaces where id = new.workspace_id), new.backend);
  return new;
end $$;
create trigger resources_placed before insert on resources
  for each row when (new.place is null) execute function resources_placed();

-- A thing is where it was made, for all time.
create function resources_stay() returns trigger language plpgsql as $$
begin
  raise exception 'resource % is in place % and can''t be in %', old.id, old.place, new.place
    using errcode = 'check_violation';
end $$;
create trigger resources_stay before update of place on resources
  for each row when (old.place is not null and new.place is distinct from old.place)
  execute function resources_stay();

-- A worker older than this knows one place of each backend, and would look for another place's things there. Newer
-- ones say so at the end of their names. A claim that is skipped claims nothing.
create function gates_claimed() returns trigger language plpgsql as $$
begin
  if exists (select from workspaces where id = new.workspace_id and place <> backend) then
    return null;
  end if;
  return new;
end $$;
create trigger gates_claimed before update of owner on gates
  for each row when (new.owner is not null and new.owner not like '%/p1')
  execute function gates_claimed();

-- What is open in a place, and what runs there.
create index resources_place on resources (place, kind) where state <> 'gone';
create index workspaces_place on workspaces (place) where status not in ('removed', 'paused', 'hibernated');
create index workspaces_place_to_check on workspaces (place, last_checked_at nulls first, id)
  where status in ('awaiting_agent', 'online', 'degraded', 'offline');
