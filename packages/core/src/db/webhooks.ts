import { readPage, values, type Page } from "./page.js";
import { type Queryable, type Tx } from "./pool.js";

export interface Webhook {
  id: string;
  url: string;
  description: string;
  types: string[] | null;
  workspace_id: string | null;
  labels: Record<string, string>;
  enabled: boolean;
  disabled_reason: string | null;
  failures: number;
  blocked_until: Date | null;
  version: number;
  created_at: Date;
  updated_at: Date;
  created_by: string;
}

/** With how many of its deliveries are how far. */
export type CountedWebhook = Webhook & { pending: number; dead: number };

export type DeliveryState = "pending" | "delivered" | "dead";

const SHOWN = `w.id, w.url, w.description, w.types, w.workspace_id, w.labels, w.enabled, w.disabled_reason, w.failures,
  w.blocked_until, w.version, w.created_at, w.updated_at, w.created_by`;

/** As many are counted: more are as good as these. */
const COUNTED = 10_000;

const count = (state: DeliveryState): string =>
  `(select count(*)::int from (select from webhook_deliveries d where d.webhook_id = w.id and d.state = '${state}'
     limit ${COUNTED}) counted) as ${state}`;

const COUNTS = `${count("pending")}, ${count("dead")}`;

/** Events before it aren't told: those must be settled. */
export async function insertWebhook(
  tx: Tx,
  webhook: Pick<Webhook, "id" | "url" | "description" | "types" | "workspace_id" | "labels" | "enabled"> & {
    created_by: string;
    secret: string;
  },
): Promise<void> {
  const { id, url, description, types, workspace_id, labels, enabled, created_by, secret } = webhook;
  await tx.query(
    `insert into webhooks (id, url, description, types, workspace_id, labels, enabled, created_by, secret, place)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, (select coalesce(max(seq), 0) from structure_events))`,
    [id, url, description, types, workspace_id, JSON.stringify(labels), enabled, created_by, secret],
  );
}

/** Lets one transaction at a time make one, so that they can be counted. */
export async function countWebhooksAlone(tx: Tx): Promise<number> {
  await tx.query("select pg_advisory_xact_lock(hashtextextended('berth.webhooks.new', 0))");
  const { rows } = await tx.query<{ n: number }>("select count(*)::int as n from webhooks");
  return rows[0]!.n;
}

export async function getWebhook(db: Queryable, id: string): Promise<CountedWebhook | null> {
  const { rows } = await db.query<CountedWebhook>(
    `select ${SHOWN}, ${COUNTS} from webhooks w where w.id = $1`,
    [id],
  );
  return rows[0] ?? null;
}

/** The newest first. */
export async function listWebhooks(
  db: Queryable,
  { limit, after }: { limit: number; after: readonly string[] | null },
): Promise<Page<CountedWebhook>> {
  const list = {
    columns: `${SHOWN}, ${COUNTS}`,
    sources: [{ from: "from webhooks w where true", key: ["w.created_at", "w.id"] }],
    types: ["timestamptz", "uuid"] as const,
    direction: "desc" as const,
    where: [],
  };
  return readPage<CountedWebhook>(db, { ...list, after, limit }, values());
}

export async function lockWebhook(tx: Tx, id: string): Promise<Webhook | null> {
  const { rows } = await tx.query<Webhook>(`select ${SHOWN} from webhooks w where id = $1 for update`, [id]);
  return rows[0] ?? null;
}

/** Changes it, and begins anew with what is due. */
export async function updateWebhook(
  tx: Tx,
  webhook: Pick<Webhook, "id" | "url" | "description" | "types" | "workspace_id" | "labels" | "enabled"> & {
    disabled_reason: string | null;
  },
): Promise<void> {
  const { id, url, description, types, workspace_id, labels, enabled, disabled_reason } = webhook;
  await tx.query(
    `update webhooks set url = $2, description = $3, types = $4, workspace_id = $5, labels = $6, enabled = $7,
       disabled_reason = $8, failures = 0, blocked_until = null, version = version + 1, updated_at = clock_timestamp()
     where id = $1`,
    [id, url, description, types, workspace_id, JSON.stringify(labels), enabled, disabled_reason],
  );
}

/** The one before still signs for a while. */
export async function changeSecret(tx: Tx, id: string, secret: string, keepMs: number): Promise<void> {
  await tx.query(
    `update webhooks set previous_secret = secret, previous_until = clock_timestamp() + $3 * interval '1 millisecond',
       secret = $2, version = version + 1, updated_at = clock_timestamp() where id = $1`,
    [id, secret, keepMs],
  );
}

/** Secrets, present and former ones, that begin as those do which aren't sealed. */
export async function listUnsealed(db: Queryable, prefix: string): Promise<{ id: string; secret: string }[]> {
  const { rows } = await db.query<{ id: string; secret: string }>(
    `select w.id, kept.secret from webhooks w cross join lateral (values (w.secret), (w.previous_secret)) kept (secret)
     where starts_with(kept.secret, $1)`,
    [prefix],
  );
  return rows;
}

/** Wherever it still stands. Its webhook stays as it is for whoever reads it. */
export async function replaceSecret(db: Queryable, id: string, secret: string, by: string): Promise<void> {
  await db.query(
    `update webhooks set secret = case when secret = $2 then $3 else secret end,
       previous_secret = case when previous_secret = $2 then $3 else previous_secret end
     where id = $1 and $2 in (secret, previous_secret)`,
    [id, secret, by],
  );
}

export async function deleteWebhook(tx: Tx, id: string): Promise<void> {
  await tx.query("delete from webhooks where id = $1", [id]);
}

/** Counts batches of which all was refused; one that wasn't begins anew. @returns how many in a row. */
export async function noteBatch(db: Queryable, webhookId: string, failed: boolean): Promise<number> {
  const { rows } = await db.query<{ failures: number }>(
    `update webhooks set failures = case when $2 then failures + 1 else 0 end, blocked_until = null
     where id = $1 and ($2 or failures > 0) returning failures`,
    [webhookId, failed],
  );
  return rows[0]?.failures ?? 0;
}

export async function blockWebhook(db: Queryable, webhookId: string, ms: number): Promise<void> {
  await db.query(
    "update webhooks set blocked_until = clock_timestamp() + $2 * interval '1 millisecond' where id = $1 and enabled",
    [webhookId, ms],
  );
}

/** @returns false if it was disabled, or is gone. */
export async function disableWebhook(tx: Tx, webhookId: string, reason: string): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update webhooks set enabled = false, disabled_reason = $2, blocked_until = null, version = version + 1,
       updated_at = clock_timestamp() where id = $1 and enabled`,
    [webhookId, reason],
  );
  return rowCount === 1;
}

/** Of each webhook, those that wait and those that were given up; at most {@link COUNTED} of each. */
export async function countDeliveries(
  db: Queryable,
): Promise<{ webhook: string; state: DeliveryState; n: number }[]> {
  const { rows } = await db.query<{ webhook: string; state: DeliveryState; n: number }>(
    `select n.id as webhook, s.state, s.n from (select w.id, ${COUNTS} from webhooks w) n
     cross join lateral (values ('pending', n.pending), ('dead', n.dead)) s (state, n)`,
  );
  return rows;
}
