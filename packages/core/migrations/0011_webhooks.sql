-- Who is told of events by HTTP. `place`: events up to this one of the order have their deliveries.
create table webhooks (
  id uuid primary key,
  url text not null,
  description text not null,
  -- Null: of every type.
  types text[],
  -- Null: of every workspace, and of none.
  workspace_id uuid,
  labels jsonb not null,
  enabled boolean not null default true,
  -- Why Berth has disabled it; null if it hasn't.
  disabled_reason text,
  -- Kept as they are: each delivery is signed with them.
  secret text not null,
  previous_secret text,
  previous_until timestamptz,
  place bigint not null,
  -- How many batches in a row have failed, and until when none is sent for that.
  failures int not null default 0,
  blocked_until timestamptz,
  version bigint not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  check (enabled or blocked_until is null)
);
create index webhooks_created on webhooks (created_at, id);

create table webhook_deliveries (
  id uuid primary key,
  webhook_id uuid not null references webhooks on delete cascade,
  -- Null: a ping. Events may be forgotten before their deliveries.
  event_id bigint,
  event_type text not null,
  data jsonb not null,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
  attempts int not null default 0,
  -- Attempts at which it is given up: more after each retry that is asked for.
  max_attempts int not null,
  -- When to send it next; while it is being sent, when to take its sender for dead.
  due_at timestamptz not null default clock_timestamp(),
  last_status int,
  last_error text,
  last_attempt_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  unique (webhook_id, event_id),
  check ((state = 'pending') = (ended_at is null))
);
create index webhook_deliveries_due on webhook_deliveries (webhook_id, due_at) where state = 'pending';
create index webhook_deliveries_created on webhook_deliveries (webhook_id, created_at, id);
create index webhook_deliveries_dead on webhook_deliveries (webhook_id, created_at, id) where state = 'dead';
create index webhook_deliveries_ended on webhook_deliveries (ended_at) where state <> 'pending';
