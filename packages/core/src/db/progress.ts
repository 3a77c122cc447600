import pg from "pg";
import type { Status } from "../domain/status.js";
import type { Operation } from "./operations.js";
import type { Queryable, Tx } from "./pool.js";
import { answerAlong, sendAlong } from "./sent.js";

/** Records which step a running operation is at. To open a transaction with that has locked its gate. */
export function settingPhase(id: string, phase: string): string {
  return `update operations set phase = ${pg.escapeLiteral(phase)} where id = ${pg.escapeLiteral(id)};`;
}

/** Records which step a running operation is at, if its gate is still held under this fence; false if not. */
export async function setPhase(
  db: Queryable,
  held: { workspaceId: string; operationId: string; fence: number },
  phase: string,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `with held as (
       select 1 from gates where workspace_id = $1 and fence = $3 and owner is not null for share
     )
     update operations set phase = $4 where id = $2 and exists (select from held)`,
    [held.workspaceId, held.operationId, held.fence, phase],
  );
  return rowCount === 1;
}

/** Notes what the workspace is before the operation changes it, once. */
export async function noteStatusBefore(tx: Tx, operation: Operation): Promise<void> {
  const noted = tx.query<{ status_before: Status }>(
    `update operations o set status_before = coalesce(o.status_before, w.status)
     from workspaces w where o.id = $1 and w.id = o.workspace_id returning o.status_before`,
    [operation.id],
  );
  answerAlong(
    tx,
    noted.then(({ rows }) => {
      operation.status_before = rows[0]?.status_before ?? null;
    }),
  );
}

/** Records the generation that an operation launches: a second attempt launches the same one. */
export async function setGeneration(tx: Tx, id: string, generation: number): Promise<void> {
  await sendAlong(tx, "update operations set generation = $2 where id = $1", [id, generation]);
}
