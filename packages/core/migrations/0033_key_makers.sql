-- Which key made it; null: the configuration's, or an earlier version, which didn't say.
alter table api_keys add column created_by uuid references api_keys (id);
create index api_keys_created_by on api_keys (created_by) where created_by is not null;
