import { setTimeout as delay } from "node:timers/promises";
import type { SaidLine } from "./audit/record.js";
import type { Fleet } from "./fleet/fleet.js";
import type { Journal } from "./journal.js";

const EVERY_MS = 500;
/** An API that can't be reached is asked no longer: the other one is. */
const PATIENCE_MS = 3_000;
/** More than a run has. */
const LIMIT = 1_000;

/** Asks Berth all the time what it says of each workspace, and writes down what has changed since its last answer. */
export interface Listener {
  close(): Promise<void>;
}

interface Listed {
  id: string;
  status: string;
  status_reason: string | null;
  instance_id: string | null;
  generation: number;
}

export function startListener(
  { apiUrls, adminKey }: Pick<Fleet, "apiUrls" | "adminKey">,
  journal: Journal,
): Listener {
  const ending = new AbortController();
  const last = new Map<string, string>();
  const listen = async (api: string) => {
    const asked = Date.now();
    const answer = await fetch(`${api}/workspaces?limit=${LIMIT}&include_removed=true`, {
      headers: { authorization: `Bearer ${adminKey}` },
      signal: AbortSignal.any([ending.signal, AbortSignal.timeout(PATIENCE_MS)]),
    });
    const all = (await answer.json()) as Listed[];
    if (!answer.ok) return;
    const workspaces = all.map(
      ({ id, status, status_reason: reason, instance_id: instance, generation }) => ({
        id,
        status,
        reason,
        instance,
        generation,
      }),
    );
    const changed = workspaces.filter((one) => last.get(one.id) !== JSON.stringify(one));
    for (const one of changed) last.set(one.id, JSON.stringify(one));
    const line: SaidLine = { asked, answered: Date.now(), workspaces: changed };
    journal.write({ type: "said", ...line });
  };
  const loop = (async () => {
    for (let n = 0; !ending.signal.aborted; n++) {
      // It can't be reached, or has no database: it says nothing.
      await listen(apiUrls[n % apiUrls.length]!).catch(() => undefined);
      await delay(EVERY_MS, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  })();
  return {
    async close() {
      ending.abort();
      await loop;
    },
  };
}
