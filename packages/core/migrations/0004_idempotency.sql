-- What a request with an Idempotency-Key was answered with, sealed under the caller's own credential: an
-- answer may hold a token that is shown once. The columns it replaces were never written.
alter table idempotency_keys
  drop column status,
  drop column response,
  drop column operation_id,
  add column answer bytea;
