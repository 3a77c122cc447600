-- Things that a provider's clean answers don't have although nobody has seen their end (I4): doubt, until it has lasted.
-- By ledger row or sighting, so without a foreign key.
create table absences (
  resource_id uuid primary key,
  since timestamptz not null default clock_timestamp(),
  noted_at timestamptz not null default clock_timestamp()
);
