-- A name means one key at a time: that of an operation or event can be told from others.
create unique index api_keys_name on api_keys (name) where revoked_at is null;
create index api_keys_created on api_keys (created_at, id);
