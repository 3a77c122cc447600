import type { Bed } from "../frame/bed.js";
import type { Case, Sample, Target } from "../frame/case.js";
import { percentile } from "../frame/run.js";
import { openDoor } from "../frame/turns.js";
import { openBerth } from "../peers/berth.js";
import { measure, type Load, type Measured } from "../peers/gate.js";
import { installPeers } from "../peers/install.js";
import { openPeer, type Place, type System } from "../peers/systems.js";

/** By the title of their row: their name in peers/systems.ts, what of the work they are given, since they are slow, and whether they keep keys apart. */
const SYSTEMS = {
  Berth: { name: "berth", share: 1, keyed: true },
  "BullMQ without keys": { name: "bullmq", share: 1, keyed: false },
  groupmq: { name: "groupmq", share: 1, keyed: true },
  "pg-boss key_strict_fifo": { name: "pgboss", share: 1, keyed: true },
  "DBOS partitioned queue": { name: "dbos", share: 0.4, keyed: true },
  "graphile-worker queueName": { name: "graphile", share: 0.2, keyed: true },
} as const;
export type Subject = keyof typeof SYSTEMS;
export const ALL = Object.keys(SYSTEMS) as Subject[];
const [BERTH, PLAIN, PGBOSS, DBOS]: Subject[] = [
  "Berth",
  "BullMQ without keys",
  "pg-boss key_strict_fifo",
  "DBOS partitioned queue",
];
const CPU = "CPU ms/op, all processes";
const WORK =
  "Work that does nothing, from the request to its recorded end: 30 ask at once, one after the other each. Plain BullMQ keeps no order " +
  "and is the limit; it and groupmq may lose a second of what was accepted. DBOS and graphile-worker are given 0.4 and 0.2 of the work.";

export async function openSystem(subject: Subject, place: Place): Promise<System> {
  const { name } = SYSTEMS[subject];
  return name === "berth" ? openBerth(place) : openPeer(name, place);
}

async function once(bed: Bed, subject: Subject, load: Load, workers: number): Promise<Measured> {
  const folder = await installPeers();
  const databaseUrl = await bed.fresh();
  const system = await openSystem(subject, {
    folder,
    redisUrl: bed.redisUrl,
    databaseUrl,
    keys: load.keys,
    workers,
  });
  try {
    return await measure(system, load, bed);
  } finally {
    await system.close();
  }
}

function brokenBy(subject: Subject, measured: Measured): string[] {
  const kinds = ["overlaps", "overtaken", "lost", "doubled"] as const;
  // Without keys it promises neither of the first two.
  const counted = SYSTEMS[subject].keyed ? kinds : kinds.slice(2);
  return counted.flatMap((kind) => (measured[kind] > 0 ? [`${measured[kind]} ${kind}`] : []));
}

function cpuColumns({ cpu }: Measured): Record<string, number> {
  return {
    [CPU]: cpu.producer + cpu.worker + cpu.postgres + cpu.redis,
    "of it who asks": cpu.producer,
    worker: cpu.worker,
    PostgreSQL: cpu.postgres,
    Redis: cpu.redis,
  };
}

function gateCase(
  name: string,
  title: string,
  load: { jobs: number; keys: number; workers?: number },
  told: Pick<Case, "minutes" | "targets">,
): Case {
  return {
    ...told,
    name,
    title,
    what: `${load.jobs} operations over ${load.keys} key(s), ${load.workers ?? 1} worker(s). ${WORK}`,
    unit: "operations/s",
    better: "more",
    subjects: ALL,
    reference: PGBOSS!,
    open: (bed) => ({
      async run(row): Promise<Sample> {
        const subject = row as Subject;
        const share = (n: number) => Math.max(1, Math.round(n * SYSTEMS[subject].share * bed.scale));
        const scaled = { jobs: share(load.jobs), keys: share(load.keys) };
        const measured = await once(bed, subject, scaled, load.workers ?? 1);
        return {
          value: measured.perSecond,
          more: cpuColumns(measured),
          broken: brokenBy(subject, measured),
        };
      },
    }),
  };
}

const than = (what: string, over: Subject, least: number): Target => ({
  what,
  subject: BERTH!,
  over,
  least,
});
const LIMIT_ONE_KEY =
  "each operation of a key waits for the one before it to be durable, and records three events that no peer keeps";

export const gateA = gateCase(
  "gate-a",
  "Gate (a): many keys, ten operations of each",
  { jobs: 5_000, keys: 500 },
  {
    minutes: 4.5,
    targets: [
      than("gate (a), of plain BullMQ, which keeps no order and isn't durable", PLAIN!, 0.4),
      than("gate (a), × pg-boss", PGBOSS!, 1.5),
      than("gate (a), × DBOS", DBOS!, 3),
      { what: "CPU of an operation, ms, all processes", subject: BERTH!, of: CPU, most: 1.6 },
      { what: "CPU of an operation, × pg-boss", subject: BERTH!, of: CPU, over: PGBOSS!, most: 0.8 },
    ],
  },
);
export const gateB = gateCase(
  "gate-b",
  "Gate (b): one key",
  { jobs: 300, keys: 1 },
  {
    minutes: 2.5,
    targets: [{ ...than("gate (b), one key, × pg-boss", PGBOSS!, 2), limit: LIMIT_ONE_KEY }],
  },
);
export const gateC = gateCase(
  "gate-c",
  "Gate (c): one operation of each key",
  { jobs: 2_000, keys: 2_000 },
  { minutes: 3, targets: [than("gate (c), one of each key, × pg-boss", PGBOSS!, 1.5)] },
);
export const gateA2 = gateCase(
  "gate-a2",
  "Gate (a) with two workers",
  { jobs: 2_500, keys: 250, workers: 2 },
  { minutes: 2.5, targets: [] },
);

/** How long an operation takes at a rate that none has to queue for. */
function latencyCase(rate: number, targets: readonly Target[]): Case {
  return {
    name: `latency-${rate}`,
    title: `Latency at ${rate} operations a second`,
    what: `From the request to the recorded end, ${rate} a second for 6 s over 200 keys. pg-boss is asked for work every 5 ms, in its favour.`,
    unit: "p50 in ms",
    better: "less",
    subjects: [BERTH!, PGBOSS!],
    reference: PGBOSS!,
    minutes: 1.5,
    targets,
    open: (bed) => ({
      async run(row) {
        const measured = await once(bed, row as Subject, { jobs: rate * 6, keys: 200, rate }, 1);
        return {
          value: percentile(measured.waits, 0.5),
          more: { p99: percentile(measured.waits, 0.99), ...cpuColumns(measured) },
          broken: brokenBy(row as Subject, measured),
        };
      },
    }),
  };
}
export const latency100 = latencyCase(100, [
  { what: "latency at 100/s, p50 × pg-boss", subject: BERTH!, over: PGBOSS!, most: 1 },
  { what: "latency at 100/s, p99 × pg-boss", subject: BERTH!, of: "p99", over: PGBOSS!, most: 1 },
]);
export const latency200 = latencyCase(200, []);

/** Counted on connections through a door, which would cost the others their speed. */
export const gateTrips: Case = {
  name: "gate-trips",
  title: "Round trips of an operation",
  what: "Case (a) with 300 operations: how often an answer of PostgreSQL or Redis was waited for, counted outside of the processes, polls and all.",
  unit: "round trips/op",
  better: "less",
  subjects: ALL,
  reference: PGBOSS!,
  minutes: 0.5,
  targets: [],
  open: (bed) => ({
    async run(row) {
      const subject = row as Subject;
      const [folder, databaseUrl] = [await installPeers(), await bed.fresh()];
      const doors = { postgres: await openDoor(databaseUrl), redis: await openDoor(bed.redisUrl) };
      const urls = {
        redisUrl: doors.redis.through(bed.redisUrl),
        databaseUrl: doors.postgres.through(databaseUrl),
      };
      const load = { jobs: 300, keys: 30 };
      const system = await openSystem(subject, { folder, ...urls, keys: load.keys, workers: 1 });
      try {
        let before = { postgres: 0, redis: 0 };
        const turns = () => ({ postgres: doors.postgres.turns(), redis: doors.redis.turns() });
        // The last that is asked before the measurement begins, after all has warmed up, is what it has used of CPU.
        const measured = await measure(system, load, {
          cpu() {
            if (before.postgres + before.redis === 0) before = turns();
            return { postgres: 0, redis: 0 };
          },
        });
        const after = turns();
        const postgres = (after.postgres - before.postgres) / load.jobs;
        const redis = (after.redis - before.redis) / load.jobs;
        return {
          value: postgres + redis,
          more: { PostgreSQL: postgres, Redis: redis },
          broken: brokenBy(subject, measured),
        };
      } finally {
        await system.close();
        doors.postgres.close();
        doors.redis.close();
      }
    },
  }),
};
