-- Which Berth this is. Two installations may have one deployment's name and share a provider: what each has made is told
-- by this id. Its one row is made at the first start and not here, so that a database made from a template gets its own.
create table installation (
  one boolean primary key default true check (one),
  id uuid not null default gen_random_uuid(),
  created_at timestamptz not null default clock_timestamp()
);

-- The other installations whose things were seen in a place.
create table place_sharers (
  place text not null references places (name) on delete cascade,
  installation text not null,
  first_seen_at timestamptz not null default clock_timestamp(),
  primary key (place, installation)
);

-- Until when a volume is only reported, though nothing else speaks against its end.
alter table sightings add column held_until timestamptz;
