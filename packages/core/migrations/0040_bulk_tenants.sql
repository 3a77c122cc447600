-- The labels of the only workspaces that there are for who asked; null: all.
alter table bulk_operations add column tenant jsonb;
