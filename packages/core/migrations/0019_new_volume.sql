-- Where the workspace's volume has vanished, an empty one takes its place: asked for by an operator.
alter table operations add column new_volume boolean not null default false;
