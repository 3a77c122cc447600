-- Statuses, kinds, states and the changes between them are those of src/domain; a test compares the two.

create table workspaces (
  id uuid primary key,
  name text not null check (char_length(name) between 1 and 128),
  parent_id uuid references workspaces (id) on delete restrict,
  backend text not null check (backend in ('docker', 'ec2', 'process', 'external')),
  spec jsonb not null check (jsonb_typeof(spec) = 'object'),
  labels jsonb not null default '{}' check (jsonb_typeof(labels) = 'object'),
  status text not null check (status in ('provisioning', 'awaiting_agent', 'online', 'degraded', 'offline',
    'failed', 'paused', 'hibernated', 'removed')),
  status_reason text,
  generation int not null default 0 check (generation >= 0),
  -- The provider's id of what runs now; null means that nothing runs. A removed workspace keeps it until
  -- its instance is proven gone.
  instance_id text,
  url text,
  token_hash bytea,
  version bigint not null default 1,
  last_heartbeat_at timestamptz,
  active_tasks int not null default 0 check (active_tasks >= 0),
  error_rate real not null default 0 check (error_rate between 0 and 1),
  last_checked_at timestamptz,
  last_launched_at timestamptz,
  auto_restarts int not null default 0,
  auto_restarts_since timestamptz,
  hibernate_after_minutes int check (hibernate_after_minutes > 0),
  -- In whole ms, as a client's cursor has it: finer, and a page would repeat its predecessor's last row.
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz not null default now(),
  removed_at timestamptz,
  check ((status = 'removed') = (removed_at is not null)),
  check (status not in ('removed', 'paused', 'hibernated') or token_hash is null),
  check (parent_id <> id)
);
create index workspaces_parent on workspaces (parent_id) where parent_id is not null;
create index workspaces_live on workspaces (created_at, id) where status <> 'removed';
create index workspaces_all on workspaces (created_at, id);

create function workspaces_before_update() returns trigger language plpgsql as $$
begin
  if new.status <> old.status and (old.status, new.status) not in (
    ('provisioning', 'awaiting_agent'), ('provisioning', 'online'), ('provisioning', 'offline'),
    ('provisioning', 'failed'), ('provisioning', 'removed'),
    ('awaiting_agent', 'provisioning'), ('awaiting_agent', 'online'), ('awaiting_agent', 'offline'),
    ('awaiting_agent', 'failed'), ('awaiting_agent', 'paused'), ('awaiting_agent', 'hibernated'),
    ('awaiting_agent', 'removed'),
    ('online', 'provisioning'), ('online', 'degraded'), ('online', 'offline'), ('online', 'failed'),
    ('online', 'paused'), ('online', 'hibernated'), ('online', 'removed'),
    ('degraded', 'provisioning'), ('degraded', 'online'), ('degraded', 'offline'), ('degraded', 'failed'),
    ('degraded', 'paused'), ('degraded', 'hibernated'), ('degraded', 'removed'),
    ('offline', 'provisioning'), ('offline', 'online'), ('offline', 'failed'), ('offline', 'paused'),
    ('offline', 'hibernated'), ('offline', 'removed'),
    ('failed', 'provisioning'), ('failed', 'paused'), ('failed', 'hibernated'), ('failed', 'removed'),
    ('paused', 'provisioning'), ('paused', 'failed'), ('paused', 'removed'),
    ('hibernated', 'provisioning'), ('hibernated', 'failed'), ('hibernated', 'removed')
  ) then
    raise exception 'workspace % may not go from % to %', old.id, old.status, new.status
      using errcode = 'check_violation';
  end if;
  if new.generation < old.generation then
    raise exception 'workspace % may not go back from generation % to %', old.id, old.generation, new.generation
      using errcode = 'check_violation';
  end if;
  new.version := old.version + 1;
  new.updated_at := clock_timestamp();
  return new;
end $$;
create trigger workspaces_before_update before update on workspaces
  for each row execute function workspaces_before_update();

-- The serial gate: a ticket lock. Ticket head + 1 is the one that may run. A low fillfactor and no index on
-- what changes keep its updates HOT.
create table gates (
  workspace_id uuid primary key references workspaces (id) on delete cascade,
  tail bigint not null default 0,
  head bigint not null default 0,
  fence bigint not null default 0,
  owner text,
  lease_until timestamptz,
  paused boolean not null default false,
  check (head between 0 and tail),
  check ((owner is null) = (lease_until is null))
) with (fillfactor = 50);

create table operations (
  id uuid primary key,
  workspace_id uuid not null references workspaces (id) on delete cascade,
  ticket bigint not null check (ticket > 0),
  kind text not null check (kind in ('provision', 'restart', 'pause', 'resume', 'hibernate', 'delete')),
  state text not null default 'queued'
    check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  generation int,
  params jsonb not null default '{}',
  source text not null check (source in ('api', 'cascade', 'reconciler', 'liveness', 'idle', 'schedule')),
  requested_by text not null,
  coalesced int not null default 1 check (coalesced > 0),
  -- Attempts begun that were not handed back; a crash's resumption is the same attempt, counted in takeovers.
  attempt int not null default 0 check (attempt >= 0),
  max_attempts int not null check (max_attempts > 0),
  takeovers int not null default 0,
  next_attempt_at timestamptz,
  fence bigint,
  phase text,
  cancel_requested_at timestamptz,
  error jsonb,
  created_at timestamptz not null default clock_timestamp(),
  started_at timestamptz,
  finished_at timestamptz,
  unique (workspace_id, ticket),
  check ((state in ('succeeded', 'failed', 'cancelled')) = (finished_at is not null)),
  check (state <> 'failed' or error is not null),
  check (state <> 'running' or started_at is not null)
) with (fillfactor = 80);
create unique index operations_one_running on operations (workspace_id) where state = 'running';
create unique index operations_one_queued_restart on operations (workspace_id)
  where state = 'queued' and kind = 'restart';
create index operations_unfinished on operations (workspace_id, ticket) where state in ('queued', 'running');
create index operations_created on operations (created_at, id);
create index operations_finished on operations (finished_at) where finished_at is not null;

-- The ledger. No foreign key: a row outlives its workspace until its resource is proven gone.
create table resources (
  id uuid primary key,
  workspace_id uuid not null,
  kind text not null check (kind in ('instance', 'volume', 'dns_record')),
  backend text not null check (backend in ('docker', 'ec2', 'process')),
  name text not null,
  client_token text not null check (octet_length(client_token) <= 64),
  provider_id text,
  generation int not null,
  -- When the provider was last asked to make it: an unanswered call may still bear fruit for a while.
  asked_at timestamptz,
  state text not null default 'intended' check (state in ('intended', 'present', 'releasing', 'gone')),
  details jsonb not null default '{}',
  attempts int not null default 0,
  next_attempt_at timestamptz,
  last_error jsonb,
  first_sighting_at timestamptz,
  second_sighting_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  gone_at timestamptz,
  check ((state = 'gone') = (gone_at is not null)),
  check (state <> 'present' or provider_id is not null)
);
-- A second instance beside the first can't even be written down (I1), nor a second volume.
create unique index resources_one_each on resources (workspace_id, kind) where state <> 'gone';
create index resources_workspace on resources (workspace_id, created_at);
create index resources_obligations on resources (next_attempt_at) where state = 'releasing';
create index resources_provider_id on resources (provider_id) where provider_id is not null;

create table structure_events (
  id bigint generated always as identity primary key,
  event_type text not null,
  workspace_id uuid,
  operation_id uuid,
  payload jsonb not null default '{}',
  created_at timestamptz not null default clock_timestamp()
);
create index structure_events_workspace on structure_events (workspace_id, id);
create index structure_events_type on structure_events (event_type, id);

create table idempotency_keys (
  key text not null,
  actor text not null,
  request_hash bytea not null,
  status int,
  response jsonb,
  operation_id uuid,
  created_at timestamptz not null default now(),
  primary key (actor, key)
);
create index idempotency_keys_created on idempotency_keys (created_at);

create table api_keys (
  id uuid primary key,
  name text not null,
  key_hash bytea not null unique,
  scope text not null check (scope in ('viewer', 'operator', 'admin')),
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz
);

-- One row a sweep: who runs it now, and where its next run goes on.
create table sweeps (
  name text primary key,
  owner text,
  lease_until timestamptz,
  cursor text,
  paused boolean not null default false
);

create table sweep_runs (
  id bigint generated always as identity primary key,
  sweep text not null,
  owner text not null,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  counts jsonb not null default '{}',
  error text
);
create index sweep_runs_sweep on sweep_runs (sweep, id desc);
