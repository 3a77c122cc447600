-- What a worker records counts only while it holds the gate under its fence. This locks the gate, or else ends the
-- transaction: so all that the worker records can be sent with it, and none of it is kept if the gate was lost
-- (packages/core/src/db/gates.ts).
create function require_held_gate(workspace uuid, held bigint) returns void language plpgsql as $$
begin
  perform 1 from gates where workspace_id = workspace and fence = held and owner is not null for update;
  if not found then
    raise exception 'the gate is held by another worker' using errcode = 'BG001';
  end if;
end $$;
