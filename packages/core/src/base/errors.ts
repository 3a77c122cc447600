/**
 * Every failure that Berth tells a caller of, in one table: HTTP status, title (RFC 9457), and whether the
 * same request may succeed later. Only the edges (the API, a worker's retry) act on it.
 */
export const ERRORS = {
  invalid_request: { status: 400, title: "The request is not valid", retryable: false },
  invalid_id: { status: 400, title: "The id is not a UUID", retryable: false },
  unauthorized: { status: 401, title: "A valid API key is needed", retryable: false },
  forbidden: { status: 403, title: "This key may not do that", retryable: false },
  refused_by_policy: { status: 403, title: "The policy doesn't allow this", retryable: false },
  not_found: { status: 404, title: "There is no such thing", retryable: false },
  workspace_not_found: { status: 404, title: "There is no such workspace", retryable: false },
  operation_not_found: { status: 404, title: "There is no such operation", retryable: false },
  method_not_allowed: { status: 405, title: "This method does not apply here", retryable: false },
  illegal_transition: { status: 409, title: "The workspace's status does not allow this", retryable: false },
  has_children: { status: 409, title: "The workspace has children", retryable: false },
  ancestor_suspended: { status: 409, title: "An ancestor is paused or hibernated", retryable: false },
  has_active_tasks: { status: 409, title: "The workspace has active tasks", retryable: true },
  stale_generation: {
    status: 401,
    title: "The token is not that of the current generation",
    retryable: false,
  },
  leak_not_found: { status: 404, title: "There is no such leak", retryable: false },
  no_logs: { status: 404, title: "There are no logs", retryable: false },
  logs_elsewhere: { status: 409, title: "Berth doesn't have this workspace's logs", retryable: false },
  key_not_found: { status: 404, title: "There is no such key", retryable: false },
  name_taken: { status: 409, title: "The name is in use", retryable: false },
  place_not_found: { status: 404, title: "There is no such place", retryable: false },
  place_lost: { status: 409, title: "The place was given up", retryable: false },
  invalid_place: { status: 422, title: "The workspace can't go to that place", retryable: false },
  no_place: { status: 409, title: "No place takes the workspace", retryable: false },
  identity_taken: { status: 409, title: "Another place is that one", retryable: false },
  quota_not_found: { status: 404, title: "There is no such quota", retryable: false },
  quota_exceeded: { status: 409, title: "No more workspaces with this label may run", retryable: false },
  webhook_not_found: { status: 404, title: "There is no such webhook", retryable: false },
  webhook_disabled: { status: 409, title: "The webhook is disabled", retryable: false },
  too_many_webhooks: { status: 409, title: "There are as many webhooks as may be", retryable: false },
  delivery_not_found: { status: 404, title: "There is no such delivery", retryable: false },
  sweep_not_found: { status: 404, title: "There is no such sweep", retryable: false },
  sweep_paused: { status: 409, title: "The sweep is paused", retryable: false },
  nothing_held: { status: 409, title: "The sweep holds nothing", retryable: false },
  parent_removed: { status: 409, title: "The parent is removed", retryable: false },
  busy: { status: 409, title: "The workspace has an operation already", retryable: true },
  not_purgeable: { status: 409, title: "Something of the workspace is not proven gone yet", retryable: true },
  precondition_failed: { status: 412, title: "It has changed meanwhile", retryable: false },
  payload_too_large: { status: 413, title: "The body is too large", retryable: false },
  unsupported_media_type: { status: 415, title: "The body must be application/json", retryable: false },
  idempotency_key_reused: {
    status: 422,
    title: "The Idempotency-Key belongs to another request",
    retryable: false,
  },
  queue_full: { status: 429, title: "Too much waits already", retryable: true },
  too_many_requests: { status: 429, title: "Too many requests", retryable: true },
  internal: { status: 500, title: "Berth failed", retryable: true },
  secret_not_found: { status: 500, title: "A secret that the spec refers to isn't there", retryable: true },
  operation_failed: { status: 500, title: "The operation failed", retryable: false },
  sweep_failed: { status: 500, title: "The sweep's look failed", retryable: true },
  terminate_retry_exhausted: { status: 500, title: "The instance could not be stopped yet", retryable: true },
  stop_retry_exhausted: { status: 500, title: "The instance could not be stopped yet", retryable: true },
  not_cancellable: { status: 409, title: "The operation can't be cancelled", retryable: false },
  not_retryable: { status: 409, title: "There is nothing to retry", retryable: false },
  operation_cancelled: { status: 409, title: "The operation was cancelled", retryable: false },
  database_unavailable: { status: 503, title: "The database can't be reached", retryable: true },
  overloaded: { status: 503, title: "There is more to do than can be done soon", retryable: true },
  queues_unavailable: { status: 503, title: "The queues' store can't be reached", retryable: true },
  no_worker: { status: 503, title: "No worker answered", retryable: true },
  sweeps_silent: { status: 503, title: "A sweep has not run for twice its interval", retryable: true },
  too_many_followers: { status: 503, title: "Too many logs are followed", retryable: true },
  provider_unavailable: { status: 503, title: "The provider can't be reached", retryable: true },
  provider_timeout: { status: 504, title: "The provider did not answer in time", retryable: true },
  backend_unavailable: { status: 503, title: "No worker serves this backend", retryable: true },
} as const satisfies Record<string, { status: number; title: string; retryable: boolean }>;

export type ErrorCode = keyof typeof ERRORS;

/** A refusal or failure with a code of {@link ERRORS} and what the caller needs to act on it. */
export class BerthError extends Error {
  readonly code: ErrorCode;
  /** Further members of the problem document, such as `children` or `errors`. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, details: Record<string, unknown> = {}, cause?: unknown) {
    super(message, { cause });
    this.name = "BerthError";
    this.code = code;
    this.details = details;
  }
}

/** One sentence for a workspace that isn't there, whoever looked for it: what is another tenant's answers with it as well. */
export function workspaceNotFound(id: string): BerthError {
  return new BerthError("workspace_not_found", `there is no workspace ${id}`, { workspace_id: id });
}

/** The same for an operation. */
export function operationNotFound(id: string): BerthError {
  return new BerthError("operation_not_found", `there is no operation ${id}`, { operation_id: id });
}

/** The same for a bulk operation. */
export function bulkNotFound(id: string): BerthError {
  return new BerthError("operation_not_found", `there is no bulk operation ${id}`, { operation_id: id });
}
