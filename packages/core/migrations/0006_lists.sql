-- What a page of a list is found by: each index is in the order of its list, so a page reads its own rows.
create index workspaces_status on workspaces (status, created_at, id);
create index workspaces_backend on workspaces (backend, created_at, id) where status <> 'removed';
create index workspaces_children on workspaces (parent_id, created_at, id) where parent_id is not null;
create index workspaces_name on workspaces (name, created_at, id);
drop index workspaces_parent;

-- Labels a row each, kept by triggers: an index of the column itself has no order.
create table workspace_labels (
  key text not null,
  value text not null,
  created_at timestamptz(3) not null,
  workspace_id uuid not null,
  primary key (key, value, created_at, workspace_id)
);
create index workspace_labels_workspace on workspace_labels (workspace_id);
insert into workspace_labels
  select l.key, l.value, w.created_at, w.id from workspaces w, jsonb_each_text(w.labels) l;

create function workspaces_labelled() returns trigger language plpgsql as $$
begin
  if tg_op <> 'INSERT' then
    delete from workspace_labels where workspace_id = old.id;
  end if;
  if tg_op = 'DELETE' then
    return null;
  end if;
  insert into workspace_labels select key, value, new.created_at, new.id from jsonb_each_text(new.labels);
  return null;
end $$;
create trigger workspaces_labelled after insert on workspaces
  for each row when (new.labels <> '{}') execute function workspaces_labelled();
create trigger workspaces_relabelled after update of labels on workspaces
  for each row when (old.labels <> new.labels) execute function workspaces_labelled();

create trigger workspaces_unlabelled after delete on workspaces
  for each row execute function workspaces_labelled();

-- Most operations have succeeded: they are found in the order of all.
create index operations_unsuccessful on operations (state, created_at, id) where state <> 'succeeded';

create index structure_events_of_workspace on structure_events (workspace_id, seq);
create index structure_events_of_type on structure_events (event_type, seq);
drop index structure_events_workspace;
drop index structure_events_type;
create index structure_events_time on structure_events (created_at);
drop index structure_events_created;
