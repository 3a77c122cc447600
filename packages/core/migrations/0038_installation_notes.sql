-- Random words that this database has made, and leaves where it works. What it finds there under its installation's id
-- and hasn't made was left by a copy of it, or by the database that it was restored from.
create table installation_notes (
  note uuid primary key default gen_random_uuid(),
  made_at timestamptz not null default clock_timestamp()
);
create index installation_notes_made_at on installation_notes (made_at);

alter table place_workers drop constraint place_workers_state_check;
alter table place_workers add constraint place_workers_state_check
  check (state in ('confirmed', 'mismatch', 'unreachable', 'unconfirmed', 'taken', 'lost', 'copied'));
