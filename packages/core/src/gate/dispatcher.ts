import type { OperationKind } from "../domain/operation.js";

/** What a job of an operation is made from. */
export interface DispatchedOperation {
  id: string;
  workspace_id: string;
  /** Where it is to be carried out. */
  place: string;
  ticket: number;
  kind: OperationKind;
  max_attempts: number;
  requested_by: string;
}

/**
 * The transport of operations; the gate decides, this only carries. `queues` makes one on BullMQ. Each
 * method may fail, or do nothing because the queue has lost its data: the dispatch sweep mends it.
 */
export interface Dispatcher {
  /** Adds the operation's job unless it is there: at once, or parked until it is woken. */
  add(operation: DispatchedOperation, when: "now" | "parked"): Promise<void>;
  /** Makes the job run now: promotes it if parked, adds it if missing. False if it was about to run anyway. */
  wake(operation: DispatchedOperation): Promise<boolean>;
  /** Wakes a parked job by its ticket alone. False if it isn't there, or isn't parked. */
  promote(workspaceId: string, ticket: number, place: string): Promise<boolean>;
}
