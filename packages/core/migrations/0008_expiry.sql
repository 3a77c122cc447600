-- When a workspace is deleted by itself, and when that was announced.
alter table workspaces
  add column expires_at timestamptz(3),
  add column expiry_noticed_at timestamptz;
create index workspaces_expiring on workspaces (expires_at) where expires_at is not null and status <> 'removed';

-- The list of 0002, with expires_at.
drop trigger workspaces_before_update on workspaces;
create trigger workspaces_before_update before update of id, name, parent_id, backend, spec, labels, status,
  status_reason, generation, instance_id, url, token_hash, version, last_launched_at, auto_restarts,
  auto_restarts_since, hibernate_after_minutes, expires_at, created_at, updated_at, removed_at on workspaces
  for each row execute function workspaces_before_update();
