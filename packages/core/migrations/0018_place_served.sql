-- When a worker last reached it and found that it is the one meant.
alter table places add column served_at timestamptz;
