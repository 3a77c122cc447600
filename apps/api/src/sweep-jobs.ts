import { listPlacesInUse } from "@berth/core/db/places";
import type { Pool } from "@berth/core/db/pool";
import { SWEEP_RULES, sweepsIn, type SweepName } from "@berth/core/domain/sweep";
import { BerthError } from "@berth/core/base/errors";
import type { Queues } from "@berth/core/queues/producer";
import { askWorker } from "@berth/core/queues/question";
import { askStore } from "@berth/core/queues/store";
import type { Intent } from "@berth/core/db/sweeps";

/** What a worker answers a dry run with. */
export interface DryRun {
  looked_at: number;
  would_hold: boolean;
  actions: Intent[];
  /** Places for which no worker answered. */
  unanswered: string[];
}
type Answer = Omit<DryRun, "unanswered">;

/**
 * The job of a dry run. A name of its own and no flag in the data: a worker that doesn't know it does
 * nothing, where it would overlook a flag and act.
 */
export const DRY_RUN_PREFIX = "dry-run ";

const PACE = { firstMs: 50, longestMs: 100 };
const FINISHED_JOBS = { removeOnComplete: 100, removeOnFail: 100 };

/**
 * Asks the workers to run a sweep now. While one that was asked for waits, that one serves this call too.
 * @returns the id of the job. @throws BerthError `queues_unavailable`
 */
export async function askForRun(queues: Queues, name: SweepName): Promise<string> {
  const deduplication = { id: `asked-${name}` };
  const job = await askStore(queues.sweeps.add(name, {}, { ...FINISHED_JOBS, deduplication }));
  return job.id!;
}

/**
 * Has a worker say what a sweep would do now, one of each place if it asks providers: only workers know those.
 * Nothing is changed, so one that isn't answered in time is given up.
 * @throws BerthError `queues_unavailable`, `no_worker`, `sweep_failed`
 */
export async function askForDryRun(
  { pool, queues }: { pool: Pool; queues: Queues },
  name: SweepName,
  limits: Limits,
): Promise<DryRun> {
  if (!SWEEP_RULES[name].perPlace) return { ...(await askOne(queues.sweeps, name, limits)), unanswered: [] };
  const places = (await listPlacesInUse(pool)).filter(({ backend }) => sweepsIn(name, backend));
  const asked = await Promise.allSettled(
    places.map(({ name: place }) => askOne(queues.sweepsOf(place), name, limits)),
  );
  const answers = asked.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const failure = asked.find((one) => one.status === "rejected");
  if (answers.length === 0 && failure !== undefined) throw failure.reason;
  return {
    looked_at: answers.reduce((sum, one) => sum + one.looked_at, 0),
    would_hold: answers.some((one) => one.would_hold),
    actions: answers.flatMap((one) => one.actions),
    unanswered: places.filter((_, n) => asked[n]!.status === "rejected").map((place) => place.name),
  };
}

interface Limits {
  timeoutMs: number;
  signal: AbortSignal;
}

async function askOne(
  queue: Queues["sweeps"],
  name: SweepName,
  { timeoutMs, signal }: Limits,
): Promise<Answer> {
  const reply = await askWorker<Record<string, never>, Answer>(
    queue,
    DRY_RUN_PREFIX + name,
    {},
    { limitMs: timeoutMs, signal, kept: FINISHED_JOBS, ...PACE },
  );
  if (reply.state === "failed") throw new BerthError("sweep_failed", `${name}: ${reply.reason}`);
  if (reply.state !== "answered")
    throw new BerthError("no_worker", `no worker answered within ${timeoutMs / 1_000} s; nothing was done`);
  if (reply.value !== null) return reply.value;
  throw new BerthError("no_worker", "the worker that took it knows no dry runs; nothing was done");
}
