-- Whose request a cancellation is: null where a delete wants the operation out of its way.
alter table operations add column cancel_requested_by text;
-- The operation that this one was asked for to make good. No foreign key: that one may be purged first.
alter table operations add column retry_of uuid;
