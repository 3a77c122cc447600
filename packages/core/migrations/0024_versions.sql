-- Where a workspace is, and when Berth will restart it, is shown with it: a change of either makes a version, for its ETag.
drop trigger workspaces_before_update on workspaces;
create trigger workspaces_before_update before update of id, name, parent_id, backend, place, spec, labels, status,
  status_reason, generation, instance_id, url, token_hash, version, last_launched_at, auto_restarts,
  auto_restarts_since, next_restart_at, hibernate_after_minutes, expires_at, created_at, updated_at, removed_at
  on workspaces
  for each row execute function workspaces_before_update();
