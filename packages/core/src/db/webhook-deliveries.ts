import { settleEvents, TRACE } from "./events.js";
import { readPage, values, type Page } from "./page.js";
import { transaction, type Pool, type Queryable, type Tx } from "./pool.js";
import type { DeliveryState } from "./webhooks.js";

export interface Delivery {
  id: string;
  webhook_id: string;
  event_id: number | null;
  event_type: string;
  data: Record<string, unknown>;
  state: DeliveryState;
  attempts: number;
  max_attempts: number;
  due_at: Date;
  last_status: number | null;
  last_error: string | null;
  last_attempt_at: Date | null;
  created_at: Date;
  ended_at: Date | null;
}

/** What is delivered must not cause what is to be delivered. */
const TOLD = "e.event_type not like 'webhook.%'";

const DATA = `jsonb_build_object('id', e.id, 'event_type', e.event_type, 'workspace_id', e.workspace_id,
  'operation_id', e.operation_id, 'trace_id', ${TRACE}, 'payload', e.payload,
  'created_at', to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`;

/**
 * Makes deliveries of the next events for the webhooks that want them, each exactly one; one process at a time.
 * @returns whether there may be more.
 */
export async function planDeliveries(
  pool: Pool,
  { limit, attempts }: { limit: number; attempts: number },
): Promise<boolean> {
  const { rows: any } = await pool.query("select from webhooks limit 1");
  if (any.length === 0) return false;
  await settleEvents(pool);
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ mine: boolean }>(
      "select pg_try_advisory_xact_lock(hashtextextended('berth.webhooks.plan', 0)) as mine",
    );
    if (!rows[0]!.mine) return false;
    const { rows: found } = await tx.query<{ last: number | null; n: number }>(
      `select max(seq) as last, count(*)::int as n from (
         select seq from structure_events where seq > (select min(place) from webhooks) order by seq limit $1) next`,
      [limit],
    );
    const { last, n } = found[0]!;
    if (last === null) return false;
    await tx.query(
      `insert into webhook_deliveries (id, webhook_id, event_id, event_type, data, max_attempts)
       select gen_random_uuid(), w.id, e.id, e.event_type, ${DATA}, $2
       from structure_events e left join workspaces s on s.id = e.workspace_id
       join webhooks w on w.enabled and w.place < e.seq
         and (w.types is null or e.event_type = any (w.types))
         and (w.workspace_id is null or w.workspace_id = e.workspace_id)
         and (w.labels = '{}' or s.labels @> w.labels)
       where e.seq > (select min(place) from webhooks) and e.seq <= $1 and ${TOLD}
       on conflict do nothing`,
      [last, attempts],
    );
    await tx.query("update webhooks set place = $1 where place < $1", [last]);
    return n === limit;
  });
}

export async function insertPing(
  tx: Tx,
  delivery: Pick<Delivery, "id" | "webhook_id" | "event_type" | "data" | "max_attempts">,
): Promise<void> {
  await tx.query(
    `insert into webhook_deliveries (id, webhook_id, event_type, data, max_attempts) values ($1, $2, $3, $4, $5)`,
    [
      delivery.id,
      delivery.webhook_id,
      delivery.event_type,
      JSON.stringify(delivery.data),
      delivery.max_attempts,
    ],
  );
}

const SENDABLE = "w.enabled and (w.blocked_until is null or w.blocked_until <= clock_timestamp())";

/** Webhooks for which something is to be sent now. */
export async function dueWebhooks(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `select w.id from webhooks w where ${SENDABLE} and exists (select from webhook_deliveries d
       where d.webhook_id = w.id and d.state = 'pending' and d.due_at <= clock_timestamp())`,
  );
  return rows.map(({ id }) => id);
}

/** A delivery that is this process's to send, as its attempt `attempts`. */
export type ClaimedDelivery = Pick<
  Delivery,
  "id" | "event_type" | "data" | "attempts" | "max_attempts" | "created_at"
> & {
  url: string;
  /** The newest first, as they are kept. */
  secrets: string[];
};

/** Takes what is due longest, for `leaseMs`: whoever dies with it loses it by then. */
export async function claimDeliveries(
  db: Queryable,
  webhookId: string,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<ClaimedDelivery[]> {
  const { rows } = await db.query<ClaimedDelivery>(
    `with due as (
       select d.id from webhook_deliveries d join webhooks w on w.id = d.webhook_id
       where d.webhook_id = $1 and d.state = 'pending' and d.due_at <= clock_timestamp() and ${SENDABLE}
       order by d.due_at, d.event_id limit $2 for update of d skip locked
     )
     update webhook_deliveries d set attempts = d.attempts + 1, last_attempt_at = clock_timestamp(),
       due_at = clock_timestamp() + $3 * interval '1 millisecond'
     from due, webhooks w where d.id = due.id and w.id = d.webhook_id
     returning d.id, d.event_type, d.data, d.attempts, d.max_attempts, d.created_at, w.url,
       case when w.previous_until > clock_timestamp() then array[w.secret, w.previous_secret]
         else array[w.secret] end as secrets`,
    [webhookId, limit, leaseMs],
  );
  return rows;
}

/** What became of an attempt. `retryMs` null: it ends, as delivered if there is no error. */
export interface Attempted {
  id: string;
  attempts: number;
  status: number | null;
  error: string | null;
  retryMs: number | null;
}

/** Unless another took it meanwhile. @returns false then. */
export async function noteAttempt(
  tx: Tx,
  { id, attempts, status, error, retryMs }: Attempted,
): Promise<boolean> {
  const state: DeliveryState = error === null ? "delivered" : retryMs === null ? "dead" : "pending";
  const { rowCount } = await tx.query(
    `update webhook_deliveries set state = $3, last_status = $4, last_error = $5,
       due_at = clock_timestamp() + coalesce($6, 0) * interval '1 millisecond',
       ended_at = case when $3 = 'pending' then null else clock_timestamp() end
     where id = $1 and attempts = $2 and state = 'pending'`,
    [id, attempts, state, status, error, retryMs],
  );
  return rowCount === 1;
}

export async function getDelivery(db: Queryable, webhookId: string, id: string): Promise<Delivery | null> {
  const { rows } = await db.query<Delivery>(
    "select * from webhook_deliveries where webhook_id = $1 and id = $2",
    [webhookId, id],
  );
  return rows[0] ?? null;
}

/** The newest first. */
export async function listDeliveries(
  db: Queryable,
  webhookId: string,
  filter: { states?: readonly DeliveryState[]; after: readonly string[] | null; limit: number },
): Promise<Page<Delivery>> {
  const query = values();
  const { put } = query;
  const { states, after, limit } = filter;
  const dead = states?.length === 1 && states[0] === "dead" ? " and d.state = 'dead'" : "";
  return readPage<Delivery>(
    db,
    {
      columns: "d.*",
      sources: [
        {
          from: `from webhook_deliveries d where d.webhook_id = ${put(webhookId)}${dead}`,
          key: ["d.created_at", "d.id"],
        },
      ],
      types: ["timestamptz", "uuid"],
      direction: "desc",
      where: states === undefined ? [] : [`d.state = any (${put(states)})`],
      after,
      limit,
    },
    query,
  );
}

/** Sends again what was given up, or one delivery whatever became of it. @returns how many. */
export async function retryDeliveries(
  tx: Tx,
  webhookId: string,
  { id, attempts }: { id?: string; attempts: number },
): Promise<number> {
  const { rowCount } = await tx.query(
    `update webhook_deliveries set state = 'pending', ended_at = null, due_at = clock_timestamp(),
       max_attempts = attempts + $3
     where webhook_id = $1 and ($2::uuid is null and state = 'dead' or id = $2)`,
    [webhookId, id ?? null, attempts],
  );
  await tx.query("update webhooks set failures = 0, blocked_until = null where id = $1", [webhookId]);
  return rowCount ?? 0;
}
