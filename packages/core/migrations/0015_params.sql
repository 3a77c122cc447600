-- Nothing reads `operations.params`, and this version no longer writes it. Processes of the version before still insert it
-- while they run beside this one (docs/upgrades.md), so it is for the next version's migration to drop it.
comment on column operations.params is 'Unused: to be dropped by the next version.';
