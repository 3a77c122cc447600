import { setTimeout as delay } from "node:timers/promises";
import type { Fleet } from "./fleet/fleet.js";
import { ask, type Sampler } from "./sampler.js";

/** When nothing was to be done any more, looked at twice; null if that takes too long. */
export async function settle(
  fleet: Fleet,
  sampler: Sampler,
  until: number,
  say: (line: string) => void,
): Promise<number | null> {
  let since: number | null = null;
  let told = 0;
  for (; Date.now() < until; await delay(500)) {
    const open = await sampler.open();
    const owed = open === null ? null : { ...open, unclaimed: await unclaimed(fleet) };
    const quiet = owed !== null && Object.values(owed).every((n) => n === 0);
    if (!quiet) since = null;
    else if (since === null) since = Date.now();
    // Longer than a sweep's interval: it may find something yet.
    else if (Date.now() - since > 12_000) return since;
    if (Date.now() - told > 10_000) {
      say(`settling: ${JSON.stringify(owed)}`);
      told = Date.now();
    }
  }
  return null;
}

/** Instances and volumes whose workspace lives no more, and containers that have ended. */
async function unclaimed({ simulatorUrl, databaseUrl, docker }: Fleet): Promise<number> {
  const state = (await (await fetch(`${simulatorUrl}/_sim/state`)).json()) as Record<
    "instances" | "volumes",
    { id: string; state: string; tags: Record<string, string> }[]
  >;
  const rows = await ask<{ id: string }>(
    databaseUrl,
    `select provider_id as id from resources where state = 'present'
     union all select unnest(array[r.id::text, 'ws-' || w.id]) from resources r join workspaces w on w.id = r.workspace_id
     where r.state = 'intended' and r.kind = 'volume' and w.status <> 'removed'`,
  );
  const known = new Set(rows.map(({ id }) => id));
  const inDocker = (await docker?.unclaimed(known)) ?? 0;
  const inCloud = [...state.instances, ...state.volumes].filter(
    (one) =>
      one.state !== "terminated" &&
      one.tags["berth:role"] !== "root" &&
      !known.has(one.id) &&
      !known.has(one.tags["berth:resource"] ?? ""),
  ).length;
  return inCloud + inDocker;
}
