import type { Job } from "bullmq";

/** Where processes from before there were places put all operations: only moved on, or carried out. */
export const OPERATIONS_QUEUE = "operations";
export const SWEEPS_QUEUE = "sweeps";
/** Runs of sweeps for one place, which its workers take. */
export function sweepsQueue(place: string): string {
  return `${SWEEPS_QUEUE}-${place}`;
}
/** Webhooks for which deliveries are due: a job sends those of one. */
export const WEBHOOKS_QUEUE = "webhooks";
/** The backoff whose delays the gate has recorded already: exponential with jitter and a cap. */
export const BACKOFF = "capped-exponential";

/** Operations that start something in a place: only workers that serve it take them (I15). */
export function operationsQueue(place: string): string {
  return `${OPERATIONS_QUEUE}-${place}`;
}

/** Operations that only end things there, with slots of their own. */
export function endsQueue(place: string): string {
  return `ends-${place}`;
}

/** Questions for the logs of what runs in a place, which its workers answer. */
export function logsQueue(place: string): string {
  return `logs-${place}`;
}

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
