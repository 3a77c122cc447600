import type { Queryable } from "./pool.js";

/** What is kept for a while and then forgotten, in batches, so that no statement holds many rows for long. */
export const KEPT = {
  operations: `delete from operations where id in (
    select id from operations where finished_at < now() - $1 * interval '1 day' order by finished_at limit $2)`,
  events: `delete from structure_events where id in (
    select id from structure_events e where created_at < now() - $1 * interval '1 day' limit $2)`,
  audit: `delete from audit_log where id in (
    select id from audit_log where at < now() - $1 * interval '1 day' order by at limit $2)`,
  bulk: `delete from bulk_operations where id in (
    select id from bulk_operations b where created_at < now() - $1 * interval '1 day'
      and not exists (select 1 from bulk_items i where i.bulk_id = b.id and i.state = 'pending') limit $2)`,
  deliveries: `delete from webhook_deliveries where id in (
    select id from webhook_deliveries where state <> 'pending' and ended_at < now() - $1 * interval '1 day'
    order by ended_at limit $2)`,
  ledger: `delete from resources where id in (
    select id from resources where state = 'gone' and gone_at < now() - $1 * interval '1 day' order by gone_at limit $2)`,
} as const;

/** @returns how many rows it forgot: `limit` if there may be more. */
export async function forgetOld(
  db: Queryable,
  kind: keyof typeof KEPT,
  days: number,
  limit: number,
): Promise<number> {
  const { rowCount } = await db.query(KEPT[kind], [days, limit]);
  return rowCount ?? 0;
}
