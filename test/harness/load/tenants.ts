import { setTimeout as delay } from "node:timers/promises";
import { type SeenLine, TENANTS } from "../audit/record.js";
import type { Journal } from "../journal.js";

interface Berth {
  apiUrls: readonly string[];
  adminKey: string;
}

const LOOK_EVERY_MS = 1_500;
const PATIENCE_MS = 5_000;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const LISTS = [
  "/workspaces?limit=1000&include_removed=true",
  "/operations?limit=1000",
  "/events?limit=1000",
  "/now",
];
/** What the hostile one may have at most. */
const QUOTA = { max_running: 40, max_waiting: 40 };

/** Makes a key for each tenant, and a quota for the hostile one. */
export async function makeTenants({
  apiUrls,
  adminKey,
}: Berth): Promise<Record<(typeof TENANTS)[number], string>> {
  const ask = async (method: string, path: string, body: object): Promise<{ key?: string }> => {
    const answer = await fetch(apiUrls[0]! + path, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as { key?: string };
  };
  const keys = {} as Record<(typeof TENANTS)[number], string>;
  for (const tenant of TENANTS)
    keys[tenant] = (await ask("POST", "/keys", { name: tenant, scope: "operator", tenant: { tenant } })).key!;
  await ask("PUT", "/quotas/tenant:grey", QUOTA);
  return keys;
}

/** Writes down, until it is stopped, every id that a tenant's key is shown in the lists of all there is. */
export async function watchTenant(
  {
    apiUrls,
    tenant,
    key,
    journal,
  }: { apiUrls: readonly string[]; tenant: string; key: string; journal: Journal },
  stop: AbortSignal,
): Promise<void> {
  for (let n = 0; !stop.aborted; n++) {
    const path = LISTS[n % LISTS.length]!;
    const at = Date.now();
    const answer = await fetch(apiUrls[n % apiUrls.length]! + path, {
      headers: { authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
      .then(async (one) => (one.ok ? await one.text() : ""))
      // Something is broken: it looks again.
      .catch(() => "");
    const line: SeenLine = { at, tenant, path, ids: [...new Set(answer.match(UUID))] };
    if (line.ids.length > 0) journal.write({ type: "seen", ...line });
    await delay(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => undefined);
  }
}
