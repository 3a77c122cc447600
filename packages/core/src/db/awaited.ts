import type { OperationState } from "../domain/operation.js";
import type { Status } from "../domain/status.js";
import type { Queryable } from "./pool.js";

/** The state of each of these operations that there is. */
export async function statesOf(db: Queryable, ids: readonly string[]): Promise<Map<string, OperationState>> {
  const { rows } = await db.query<{ id: string; state: OperationState }>(
    "select id, state from operations where id = any ($1)",
    [ids],
  );
  return new Map(rows.map(({ id, state }) => [id, state]));
}

/** The status of each of these workspaces that there is. */
export async function statusesOf(db: Queryable, ids: readonly string[]): Promise<Map<string, Status>> {
  const { rows } = await db.query<{ id: string; status: Status }>(
    "select id, status from workspaces where id = any ($1)",
    [ids],
  );
  return new Map(rows.map(({ id, status }) => [id, status]));
}
