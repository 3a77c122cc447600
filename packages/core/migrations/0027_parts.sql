-- The operation of the workspace that was asked for, of whose request (a cascade) this one is a part.
alter table operations add column part_of uuid;
create index operations_parts on operations (part_of, created_at, id) where part_of is not null;
