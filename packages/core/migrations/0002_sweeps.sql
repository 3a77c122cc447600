-- Sweeps: who runs, what the breaker holds, what an operator has approved, and when each last ran. `held` is
-- { at, looked_at, would_act, actions: [{ key, what, why }] }, `approval` { by, at, keys }.
alter table sweeps
  add column run_id bigint,
  add column every_ms int,
  add column held jsonb,
  add column approval jsonb,
  add column paused_by text,
  add column registered_at timestamptz not null default clock_timestamp(),
  add column last_started_at timestamptz,
  add column last_finished_at timestamptz,
  add column last_success_at timestamptz,
  add column last_counts jsonb not null default '{}',
  add column last_error text;
create index sweep_runs_started on sweep_runs (started_at);

-- Things at a provider that carry our label and that no row of the ledger claims.
create table sightings (
  id uuid primary key default gen_random_uuid(),
  backend text not null,
  kind text not null check (kind in ('instance', 'volume', 'dns_record')),
  provider_id text not null,
  name text not null,
  -- No foreign key: what a workspace left outlives it.
  workspace_id uuid,
  generation int,
  state text not null,
  -- By the provider's clock.
  created_at timestamptz not null,
  first_seen_at timestamptz not null default clock_timestamp(),
  last_seen_at timestamptz not null default clock_timestamp(),
  seen int not null default 1 check (seen > 0),
  why text not null,
  -- Tries to remove it. One that vanishes after a try was removed by it.
  attempts int not null default 0,
  last_error jsonb,
  next_attempt_at timestamptz,
  -- An operator says that it is handled: it is no longer acted on, or listed.
  released jsonb,
  unique (backend, kind, provider_id)
);

alter table resources
  -- Since when it is to go.
  add column releasing_at timestamptz,
  -- Who says that it is handled, though no provider has said that it is gone, and why.
  add column released jsonb;
create index resources_gone on resources (gone_at) where state = 'gone';
create index resources_backend on resources (backend, kind) where state <> 'gone';

-- Events are appended, so their pages are in order of time: old ones are found without an index of all.
create index structure_events_created on structure_events using brin (created_at);

-- The processes that take heartbeats. While none listens, silence says nothing about an agent.
create table heartbeat_listeners (
  owner text primary key,
  listening_since timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp()
);

alter table workspaces
  add column last_active_at timestamptz,
  add column uptime_seconds double precision,
  -- Since when a provider has called an instance dead whose agent goes on beating.
  add column contradicted_at timestamptz;
-- Heartbeats update in place, if their page has room.
alter table workspaces set (fillfactor = 70);
create index workspaces_checked on workspaces (last_checked_at nulls first, id)
  where status in ('online', 'degraded', 'offline');
create index workspaces_starting on workspaces (id) where status in ('provisioning', 'awaiting_agent');
create index workspaces_hibernating on workspaces (id)
  where status in ('online', 'degraded') and hibernate_after_minutes is not null;

-- Whatever a user sees of a workspace makes a new version. A heartbeat doesn't: it would make each
-- conditional change fail, and its cost is paid ten thousand times a second.
drop trigger workspaces_before_update on workspaces;
create trigger workspaces_before_update before update of id, name, parent_id, backend, spec, labels, status,
  status_reason, generation, instance_id, url, token_hash, version, last_launched_at, auto_restarts,
  auto_restarts_since, hibernate_after_minutes, created_at, updated_at, removed_at on workspaces
  for each row execute function workspaces_before_update();
