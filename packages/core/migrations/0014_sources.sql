-- Who asked for an operation only says so: nothing here depends on it. The type in domain/operation.ts is the list.
alter table operations drop constraint operations_source_check;
