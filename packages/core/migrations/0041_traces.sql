-- Of what accepted it, by W3C's Trace Context; null: nothing was traced.
alter table operations add column trace_id text;
