-- Without these the planner takes the removed for a like share of every backend, and walks all that live to find the few of one.
create statistics workspaces_backend_status (mcv) on backend, status from workspaces;
create statistics workspaces_place_status (mcv) on place, status from workspaces;
