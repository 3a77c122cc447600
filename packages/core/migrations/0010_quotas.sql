-- How many workspaces of a label may run. Value '*': each value of that label alone, unless it has a row of its own.
create table quotas (
  key text not null,
  value text not null,
  max_running int not null check (max_running >= 0),
  version bigint not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  updated_by text not null,
  primary key (key, value)
);

-- Which labels' workspaces run is kept by triggers, so that whatever accepts a delete or a pause gives the place back
-- by that alone, and a count reads those that run and not all that ever had the label.
alter table workspace_labels add column running boolean not null default true;

-- That of src/domain/quota.ts; a test compares the two. What is accepted counts, and not what has been done of it:
-- a workspace whose pause waits runs no more, one whose resume waits does. A pause that is to be cancelled may be.
create function workspace_runs(wanted uuid) returns boolean language sql stable as $$
  select w.status <> 'removed' and coalesce(
    last.kind not in ('pause', 'hibernate') or last.cancel_requested_at is not null,
    w.status not in ('paused', 'hibernated'))
  from workspaces w left join lateral (
    select o.kind, o.cancel_requested_at from operations o
    where o.workspace_id = w.id and o.state in ('queued', 'running') order by o.ticket desc limit 1
  ) last on true
  where w.id = wanted
$$;

update workspace_labels l set running = false where not coalesce(workspace_runs(l.workspace_id), false);
create index workspace_labels_running on workspace_labels (key, value, created_at, workspace_id) where running;

create function note_running(wanted uuid) returns void language plpgsql as $$
declare
  runs boolean := workspace_runs(wanted);
begin
  update workspace_labels set running = runs where workspace_id = wanted and running <> runs;
end $$;

create function workspaces_ran() returns trigger language plpgsql as $$
begin
  perform note_running(new.id);
  return null;
end $$;
create trigger workspaces_ran after update of status on workspaces
  for each row when (new.labels <> '{}' and
    (old.status in ('paused', 'hibernated', 'removed')) <> (new.status in ('paused', 'hibernated', 'removed')))
  execute function workspaces_ran();

create function operations_ran() returns trigger language plpgsql as $$
begin
  perform note_running(new.workspace_id);
  return null;
end $$;
create trigger operations_accepted after insert on operations
  for each row when (new.kind in ('pause', 'hibernate', 'resume')) execute function operations_ran();
create trigger operations_ended after update of state, cancel_requested_at on operations
  for each row when (new.kind in ('pause', 'hibernate', 'resume') and
    (new.state in ('succeeded', 'failed', 'cancelled') or new.cancel_requested_at is not null))
  execute function operations_ran();

create or replace function workspaces_labelled() returns trigger language plpgsql as $$
declare
  runs boolean;
begin
  if tg_op <> 'INSERT' then
    delete from workspace_labels where workspace_id = old.id;
  end if;
  if tg_op = 'DELETE' then
    return null;
  end if;
  runs := workspace_runs(new.id);
  insert into workspace_labels (key, value, created_at, workspace_id, running)
    select key, value, new.created_at, new.id, runs from jsonb_each_text(new.labels);
  return null;
end $$;
