-- What the labels of its place must be: it holds for each place that it ever gets.
alter table workspaces add column place_labels jsonb not null default '{}';
-- Whether it may start in another place, with an empty volume, when its own is drained.
alter table workspaces add column may_move boolean not null default false;
-- Since when whatever may leave a place is taken elsewhere, and who said so.
alter table places add column draining_since timestamptz;
alter table places add column draining_by text;

-- A change of either makes a version, for the workspace's ETag.
drop trigger workspaces_before_update on workspaces;
create trigger workspaces_before_update before update of id, name, parent_id, backend, place, place_labels, may_move, spec,
  labels, status, status_reason, generation, instance_id, url, token_hash, version, last_launched_at, auto_restarts,
  auto_restarts_since, next_restart_at, hibernate_after_minutes, expires_at, created_at, updated_at, removed_at
  on workspaces
  for each row execute function workspaces_before_update();
