-- Those that may start in another place since their own had no room for them: looked for every few seconds.
create index workspaces_no_room on workspaces (place, id) where may_move and status in ('failed', 'offline');
