import { insertEvents } from "@berth/core/db/events";
import type { Queryable } from "@berth/core/db/pool";
import type { NewEvent } from "@berth/core/domain/events";

/** An event that only a test would write. */
export interface TestEvent {
  event_type: string;
  workspace_id: string | null;
  operation_id?: string | null;
  payload?: Record<string, unknown>;
}

/** Writes events of types that there aren't, or without what their payloads have. */
export function insertTestEvents(tx: Queryable, events: readonly TestEvent[]): Promise<void> {
  return insertEvents(tx, events as readonly NewEvent[]);
}
