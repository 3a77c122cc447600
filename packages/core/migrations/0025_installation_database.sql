-- The cluster and the database in it that the installation was last found in: a copy is in another one.
alter table installation add column database text;
