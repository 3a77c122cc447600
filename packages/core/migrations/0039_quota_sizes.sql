-- What a quota limits besides how many run; null: nothing.
alter table quotas
  add column max_memory_mb int check (max_memory_mb >= 0),
  add column max_cpus numeric check (max_cpus >= 0),
  add column max_volume_gb int check (max_volume_gb >= 0),
  add column max_waiting int check (max_waiting >= 0);

-- What a spec takes where its limits are kept: that of src/domain/spec.ts; a test compares the two.
create function spec_memory_mb(spec jsonb) returns numeric language sql immutable as $$
  select coalesce((spec->>'memory_mb')::numeric, case spec->>'tier' when '2' then 2048 when '3' then 8192 else 512 end)
$$;
create function spec_cpus(spec jsonb) returns numeric language sql immutable as $$
  select coalesce((spec->>'cpus')::numeric, case spec->>'tier' when '2' then 1 when '3' then 4 else 0.5 end)
$$;

-- What workspaces with a label take, without the one excepted: those that run of memory and CPU, all that are of volumes.
create function label_use(wanted_key text, wanted_value text, excepted uuid)
  returns table (memory_mb float8, cpus float8, volume_gb int, waiting int) language sql stable as $$
  select
    coalesce(sum(spec_memory_mb(w.spec)) filter (where l.running and w.backend in ('docker', 'process')), 0)::float8,
    coalesce(sum(spec_cpus(w.spec)) filter (where l.running and w.backend in ('docker', 'process')), 0)::float8,
    coalesce(sum(coalesce((w.spec->'ec2'->>'volume_gb')::int, 20)) filter (where w.backend = 'ec2'), 0)::int,
    (select count(*)::int from operations o join workspace_labels ol using (workspace_id)
      where o.state = 'queued' and ol.key = wanted_key and ol.value = wanted_value)
  from workspace_labels l join workspaces w on w.id = l.workspace_id
  where l.key = wanted_key and l.value = wanted_value and w.status <> 'removed' and w.id is distinct from excepted
$$;
