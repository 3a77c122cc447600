import type { Job } from "bullmq";

export const OPERATIONS_QUEUE = "operations";
export const SWEEPS_QUEUE = "sweeps";
/** Questions for the logs of a workspace, which the workers answer. */
export const LOGS_QUEUE = "logs";
/** Webhooks for which deliveries are due: a job sends those of one. */
export const WEBHOOKS_QUEUE = "webhooks";
/** The backoff whose delays the gate has recorded already: exponential with jitter and a cap. */
export const BACKOFF = "capped-exponential";

/** The job of an operation. PostgreSQL has all else. */
export interface OperationJob {
  workspaceId: string;
  operationId: string;
  ticket: number;
}

export interface WebhookLane {
  webhookId: string;
}

export type AnyJob<Data> = Job<Data, unknown>;

/** The id of an operation's job: made from workspace and ticket, so that it is known without a query. */
export function jobId(workspaceId: string, ticket: number): string {
  return `${workspaceId}-${ticket}`;
}
