-- Lists of what is in a place, oldest first.
create index workspaces_of_place on workspaces (place, created_at, id) where status <> 'removed';
