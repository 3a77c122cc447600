-- What an unfinished operation waits for at its provider, and since when: meanwhile it holds neither lease nor slot (I15).
-- Not null: its attempt has been counted, and goes on with the step in `phase`.
alter table operations add column waits_for text, add column waiting_since timestamptz;
alter table operations add constraint operations_waits_since
  check ((waits_for is null) = (waiting_since is null)) not valid;
