import type { Waiting } from "../db/shares.js";
import type { TenantLabels } from "../db/tenants.js";

/** BullMQ's lowest priority. */
const LAST = 2 ** 21 - 1;
/** Figures are asked for again after so many jobs, but no sooner than that, in ms; older ones than these count for nothing. */
const LOOK_AFTER_JOBS = 5;
const LOOK_EVERY_MS = 250;
const STALE_MS = 2_000;

/** How many a tenant, by its labels, has in each turn: 1 or more, a whole number. */
export type WeightOf = (tenant: TenantLabels) => number;

/** What is in one queue. */
export interface QueueLook {
  /** The priority of what comes next; 0 if nothing waits, or what waits has none. */
  next: number;
  waiting: readonly Waiting[];
}

/**
 * The order in which what several ask for is taken from one queue: by turns, a job of each, and not first come, first served.
 * A job's priority is that of the job which is next, plus how many of its asker's own wait already (self-clocked fair queueing,
 * Golestani 1994): who has asked for hundreds waits behind who asks for one, and nobody waits for ever, since what is
 * next moves on. A tenant's keys are one asker, who has as many in each turn as its weight says. Processes add to one queue without knowing of each other, so now and then
 * each looks; between two looks it counts its own.
 */
export function createShares(
  look: () => Promise<QueueLook>,
  { weightOf = () => 1, now = () => performance.now() }: { weightOf?: WeightOf; now?: () => number } = {},
): { priorityOf(requestedBy: string): number } {
  let next = 0;
  let waiting = new Map<string, number>();
  let added = new Map<string, number>();
  /** Of each key of a tenant: who asks by it. */
  let tenants = new Map<string, { asker: string; weight: number }>();
  /** When the present figures began to count. */
  let since = -Infinity;
  let jobs = 0;
  let looking = false;

  const lookAgain = async (): Promise<void> => {
    looking = true;
    jobs = 0;
    since = now();
    // Those that are added meanwhile may be in what it sees or not: rather too far back by one look than too far ahead.
    const before = new Map(added);
    try {
      const seen = await look();
      next = seen.next;
      tenants = new Map(
        seen.waiting.flatMap(({ requested_by: by, tenant }) =>
          tenant === null
            ? []
            : [[by, { asker: tenant, weight: weightOf(JSON.parse(tenant) as TenantLabels) }]],
        ),
      );
      waiting = new Map();
      for (const one of seen.waiting) count(waiting, askerOf(one.requested_by), one.waiting);
      added = new Map([...added].map(([asker, n]) => [asker, n - (before.get(asker) ?? 0)]));
    } catch {
      // Its own count goes on.
    } finally {
      looking = false;
    }
  };
  const askerOf = (requestedBy: string): string => tenants.get(requestedBy)?.asker ?? requestedBy;

  return {
    priorityOf(requestedBy) {
      if (now() - since > STALE_MS && !looking) {
        [next, jobs, since] = [0, 0, now()];
        waiting.clear();
        added.clear();
      }
      const asker = askerOf(requestedBy);
      const mine = (waiting.get(asker) ?? 0) + (added.get(asker) ?? 0);
      count(added, asker, 1);
      jobs++;
      if (jobs >= LOOK_AFTER_JOBS && now() - since >= LOOK_EVERY_MS && !looking) void lookAgain();
      return Math.min(LAST, next + Math.floor(mine / (tenants.get(requestedBy)?.weight ?? 1)));
    },
  };
}

function count(counts: Map<string, number>, asker: string, by: number): void {
  counts.set(asker, (counts.get(asker) ?? 0) + by);
}
