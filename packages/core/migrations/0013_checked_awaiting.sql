-- The sweep instance-state also looks at those that await their agent. Old code's look is a part of this index too.
create index workspaces_to_check on workspaces (last_checked_at nulls first, id)
  where status in ('awaiting_agent', 'online', 'degraded', 'offline');
drop index workspaces_checked;
