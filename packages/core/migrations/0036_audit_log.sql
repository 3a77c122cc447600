-- Who asked for what, and what they were answered. It outlives events, and nothing in it can be changed or, while it is new,
-- taken away: what is old goes by retention.
create table audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  request_id text not null,
  -- Null: nobody whose key is known.
  caller text,
  key_id uuid,
  tenant jsonb,
  address text not null,
  method text not null,
  -- As the route is written, and as it was asked for, without its query.
  route text,
  path text not null,
  status int not null
);
create index audit_log_caller on audit_log (caller, id);
create index audit_log_at on audit_log (at);

create function audit_log_kept() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and old.at < now() - interval '1 day' then return old; end if;
  raise exception 'the audit log can only be added to' using errcode = 'restrict_violation';
end $$;
create trigger audit_log_kept before update or delete on audit_log for each row execute function audit_log_kept();
create trigger audit_log_whole before truncate on audit_log for each statement execute function audit_log_kept();
