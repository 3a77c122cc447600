-- Who said that what carries no identity yet is the place: the next worker that reaches such a one gives it one.
alter table places add column unmarked_confirmed_by text;
