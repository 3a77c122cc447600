-- One request for many workspaces, and what became of it for each of them.
create table bulk_operations (
  id uuid primary key,
  kind text not null check (kind in ('restart', 'pause', 'resume', 'hibernate', 'delete')),
  options jsonb not null default '{}',
  requested_by text not null,
  total int not null,
  created_at timestamptz(3) not null default clock_timestamp()
);
create index bulk_operations_created on bulk_operations (created_at);

create table bulk_items (
  bulk_id uuid not null references bulk_operations on delete cascade,
  workspace_id uuid not null,
  position int not null,
  -- Those of the lowest level come first: children before their parents, or parents before their children.
  level int not null,
  state text not null default 'pending' check (state in ('pending', 'accepted', 'refused')),
  attempts int not null default 0,
  operation_id uuid,
  error jsonb,
  primary key (bulk_id, workspace_id)
);
create unique index bulk_items_position on bulk_items (bulk_id, position);
create index bulk_items_pending on bulk_items (bulk_id, level) where state = 'pending';
