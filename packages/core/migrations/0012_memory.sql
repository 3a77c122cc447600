-- When a worker has looked after this database: one row a span without a longer break. What a provider made in a
-- break may be of a history that was lost with a restored backup. All before this migration counts as remembered.
create table memory (
  since timestamptz primary key,
  until timestamptz not null
);
insert into memory (since, until) values ('-infinity', clock_timestamp());
