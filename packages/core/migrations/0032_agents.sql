-- What agents say of themselves beyond the figures of a heartbeat: their own address, a card that Berth only hands on, what
-- they do and how it fails. A table of its own, since most heartbeats say nothing of it and lists of workspaces don't show it.
-- Each as it was said: JSON's null is what was taken back.
create table agents (
  workspace_id uuid primary key references workspaces (id) on delete cascade,
  -- Of the one that said it: what an older one said isn't shown (I9).
  generation int not null,
  url jsonb,
  card jsonb,
  current_task jsonb,
  sample_error jsonb,
  said_at timestamptz not null default now()
);
