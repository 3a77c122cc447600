-- What Berth has begun by itself it goes on with while the cause may pass (I14): when it tries the next restart, how often
-- one has failed in a row, and since when.
alter table workspaces
  add column next_restart_at timestamptz,
  add column restart_tries int not null default 0,
  add column restart_tries_since timestamptz;
create index workspaces_restart_due on workspaces (next_restart_at)
  where status = 'offline' and next_restart_at is not null;

-- What the workspace was when the operation began: what it is again if that could change nothing (I14).
alter table operations add column status_before text;
