import { setTimeout as delay } from "node:timers/promises";
import type { Bed } from "../frame/bed.js";
import type { Case } from "../frame/case.js";
import { inLanes, now } from "../frame/run.js";
import { installPeers } from "../peers/install.js";
import type { System } from "../peers/systems.js";
import { ALL, openSystem, type Subject } from "./gate.js";

const JOBS = 400;
const KEYS = 40;
/** Longer than any of the locks that end by themselves within a minute, and their next check. */
const PATIENCE_MS = 70_000;

async function opened<T>(
  bed: Bed,
  subject: Subject,
  keys: number,
  work: (system: System) => Promise<T>,
): Promise<T> {
  const [folder, databaseUrl] = [await installPeers(), await bed.fresh()];
  const place = { folder, databaseUrl, redisUrl: bed.redisUrl, keys, workers: 1 };
  const system = await openSystem(subject, place);
  try {
    return await work(system);
  } finally {
    await system.close();
  }
}

/** Resolves when so many have ended, or it has taken too long. */
async function untilEnded(system: System, count: number): Promise<void> {
  const limit = now() + PATIENCE_MS;
  while (system.ended() < count && now() < limit) await delay(5);
}

/** How many of what was accepted had not ended a good minute after a misfortune in the middle of it. */
function leftAfter(
  bed: Bed,
  subject: Subject,
  misfortune: (system: System) => Promise<void>,
): Promise<number> {
  return opened(bed, subject, KEYS, async (system) => {
    await inLanes(30, JOBS, (n) => system.add(system.keys[n % KEYS]!, n + 1));
    await misfortune(system);
    await untilEnded(system, JOBS);
    const ended = new Set((await system.runs()).map(({ seq }) => seq));
    return JOBS - ended.size;
  });
}

/** When one of a second key ended, of the time that {@link JOBS} of the first took that were asked for before it. */
function coldAfterHot(bed: Bed, subject: Subject): Promise<number> {
  return opened(bed, subject, 2, async (system) => {
    const [hot = "", cold = ""] = system.keys;
    await system.add(cold, 1);
    await untilEnded(system, 1);
    await inLanes(30, JOBS / 2, (n) => system.add(hot, n + 2));
    const asked = now();
    await system.add(cold, JOBS);
    await untilEnded(system, JOBS / 2 + 2);
    const runs = await system.runs();
    const last = Math.max(...runs.map(({ recorded }) => recorded));
    const its = runs.find(({ seq }) => seq === JOBS)?.recorded ?? Infinity;
    return (its - asked) / (last - asked);
  });
}

const [KILLED, FLUSHED, COLD] = [
  "left after its worker was killed",
  "left after Redis was flushed",
  "cold key's wait, of the hot one's",
] as const;

export const behaviour: Case = {
  name: "behaviour",
  title: "What becomes of accepted work",
  what:
    `${JOBS} operations over ${KEYS} keys, all accepted: the only worker is killed by SIGKILL while it works and started anew, or Redis loses all ` +
    `that it has; then how many have not ended ${PATIENCE_MS / 1_000} s later (a peer whose worker is killed may have ended a few without being able to say so). And one operation of a second key ` +
    `behind ${JOBS / 2} of a first: how long it waited, of the time that those took. Whether order is kept is checked by the gate's cases.`,
  unit: "left of all, %",
  better: "less",
  subjects: ALL,
  reference: "Berth",
  minutes: 10,
  alone: true,
  targets: [
    { what: "accepted work lost to a killed worker", subject: "Berth", of: KILLED, most: 0 },
    { what: "accepted work lost to a flushed Redis", subject: "Berth", of: FLUSHED, most: 0 },
  ],
  open: (bed) => ({
    async run(row) {
      const subject = row as Subject;
      const killed = await leftAfter(bed, subject, async (system) => system.replaceWorkers());
      const flushed = await leftAfter(bed, subject, () => bed.flushRedis());
      const cold = await coldAfterHot(bed, subject);
      return {
        value: ((killed + flushed) * 100) / (2 * JOBS),
        more: { [KILLED]: killed, [FLUSHED]: flushed, [COLD]: cold },
        broken: [],
      };
    },
  }),
};
