const TIME = "2026-11-21T09:30:00.000Z";
const LATER = "2026-11-21T09:30:02.417Z";
const WORKSPACE_ID = "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f";
const OPERATION_ID = "5f0c2a8e-91d4-4b7a-8c36-2e1d0f9b8a75";

export const CREATE_EXAMPLE = {
  name: "echo",
  labels: { team: "red" },
  spec: { image: "debian:12", command: ["sleep", "3600"], env: { GREETING: "hello" }, readiness: "running" },
};

export const WORKSPACE_EXAMPLE = {
  id: WORKSPACE_ID,
  name: "echo",
  parent_id: null,
  backend: "docker",
  place: "docker",
  place_labels: {},
  may_move: false,
  spec: { ...CREATE_EXAMPLE.spec, env: { GREETING: { hidden: true } } },
  labels: { team: "red" },
  status: "provisioning",
  status_reason: null,
  generation: 0,
  instance_id: null,
  url: null,
  version: 1,
  last_heartbeat_at: null,
  active_tasks: 0,
  error_rate: 0,
  last_launched_at: null,
  hibernate_after_minutes: null,
  expires_at: null,
  created_at: TIME,
  updated_at: TIME,
  next_restart_at: null,
  removed_at: null,
};

export const ONLINE_EXAMPLE = {
  ...WORKSPACE_EXAMPLE,
  status: "online",
  generation: 1,
  instance_id: "8c1f0e5d9b7a",
  version: 4,
  last_launched_at: LATER,
  updated_at: LATER,
};

const { spec: _spec, ...LISTED } = ONLINE_EXAMPLE;
export const LISTED_EXAMPLE = LISTED;

export const OPERATION_EXAMPLE = {
  id: OPERATION_ID,
  workspace_id: WORKSPACE_ID,
  ticket: 1,
  kind: "provision",
  state: "queued",
  generation: null,
  source: "api",
  requested_by: "admin",
  coalesced: 1,
  attempt: 0,
  max_attempts: 5,
  next_attempt_at: null,
  phase: null,
  cancel_requested_at: null,
  retry_of: null,
  part_of: null,
  trace_id: null,
  error: null,
  created_at: TIME,
  started_at: null,
  finished_at: null,
};

export const DONE_EXAMPLE = {
  ...OPERATION_EXAMPLE,
  state: "succeeded",
  generation: 1,
  attempt: 1,
  started_at: TIME,
  finished_at: LATER,
};

export const RESTART_EXAMPLE = { ...OPERATION_EXAMPLE, ticket: 2, kind: "restart", coalesced: 3 };
export const DELETE_EXAMPLE = { ...OPERATION_EXAMPLE, ticket: 3, kind: "delete" };

export const RESOURCE_EXAMPLE = {
  id: "b3a1d7c4-6e2f-4f80-9a15-d0c4e8b7f621",
  workspace_id: WORKSPACE_ID,
  kind: "instance",
  backend: "docker",
  place: "docker",
  released: null,
  name: `ws-${WORKSPACE_ID}`,
  provider_id: "8c1f0e5d9b7a",
  generation: 1,
  state: "present",
  attempts: 0,
  next_attempt_at: null,
  last_error: null,
  created_at: TIME,
  updated_at: LATER,
  gone_at: null,
};

export const EVENT_EXAMPLE = {
  id: 17,
  event_type: "workspace.provisioning",
  workspace_id: WORKSPACE_ID,
  operation_id: OPERATION_ID,
  trace_id: null,
  payload: {
    name: "echo",
    backend: "docker",
    place: "docker",
    parent_id: null,
    source: "api",
    requested_by: "admin",
  },
  created_at: TIME,
};
