import { sendAlong } from "./sent.js";
import type { Queryable, Tx } from "./pool.js";

/**
 * Puts an operation back until the next look at its provider. It stays `running`, so nothing overtakes it (I2), and
 * its attempt goes on. How long it has waited counts for each thing that it waits for anew.
 */
export async function noteWait(
  tx: Tx,
  operationId: string,
  { waitsFor, delayMs }: { waitsFor: string; delayMs: number },
): Promise<void> {
  await sendAlong(
    tx,
    `update operations set waits_for = $2,
       waiting_since = case when waits_for = $2 then waiting_since else clock_timestamp() end,
       next_attempt_at = case when cancel_requested_at is null then clock_timestamp() + $3 * interval '1 millisecond' end
     where id = $1 and state = 'running'`,
    [operationId, waitsFor, delayMs],
  );
}

/** For how long an operation has waited for this, in ms by the database's clock; 0 if it hasn't yet. */
export async function waitedFor(db: Queryable, operationId: string, waitsFor: string): Promise<number> {
  const { rows } = await db.query<{ ms: number }>(
    `select extract(epoch from clock_timestamp() - waiting_since)::float8 * 1000 as ms
     from operations where id = $1 and waits_for = $2`,
    [operationId, waitsFor],
  );
  return rows[0]?.ms ?? 0;
}
