-- What a program wrote, on its way from the worker that read it to the process that asked: for the moment until it is taken.
-- Unlogged: it holds whatever the program printed, and belongs in no backup. Not a job's return value: a queue keeps the history
-- of those.
create unlogged table log_answers (
  id uuid primary key,
  answer text not null,
  created_at timestamptz not null default clock_timestamp()
);
