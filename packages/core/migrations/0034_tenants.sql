-- The labels of the workspaces that a key is for, and of those that it makes; null: of all.
alter table api_keys add column tenant jsonb;
