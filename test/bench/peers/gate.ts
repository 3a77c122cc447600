import { setTimeout as delay } from "node:timers/promises";
import { cpuOf, cpuOfTree } from "./cpu.js";
import type { System } from "./systems.js";
import { violationsOf, type Violations } from "./violations.js";

/** How much work of how many keys. */
export const CASES = {
  a: { title: "many keys, ten of each", jobs: 1_000, keys: 100 },
  b: { title: "one key", jobs: 150, keys: 1 },
  c: { title: "one of each key", jobs: 600, keys: 600 },
} as const;
export type CaseName = keyof typeof CASES;

/** So many ask at once, one after the other each. */
const LANES = 30;
const WARM_UP = 100;
const LIMIT_MS = 60_000;

export interface Sample extends Violations {
  /** From the first that was asked for to the last that was recorded as ended. */
  perSecond: number;
  /** CPU in ms an operation: of who asks, the worker, PostgreSQL with all its processes, and Redis. */
  cpu: { producer: number; worker: number; postgres: number; redis: number };
}

/** One measurement of work that does nothing, from the request to its recorded end. */
export async function measure(
  system: System,
  { jobs, keys }: { jobs: number; keys: number },
  servers: { postgres: number; redis: number },
): Promise<Sample> {
  const asked = new Map<number, { key: string; from: number; until: number }>();
  const ask = async (seq: number): Promise<void> => {
    const key = system.keys[Math.abs(seq) % keys]!;
    const from = performance.now();
    await system.add(key, seq);
    if (seq > 0) asked.set(seq, { key, from, until: performance.now() });
  };
  const warmUp = Math.min(WARM_UP, jobs);
  await ask(-1);
  await inLanes(warmUp - 1, (n) => ask(-n - 2));
  await untilEnded(system, warmUp);

  const used = () => {
    const { user, system: kernel } = process.cpuUsage();
    return {
      producer: (user + kernel) / 1_000,
      worker: cpuOf(system.workerPid),
      postgres: cpuOfTree(servers.postgres),
      redis: cpuOf(servers.redis),
    };
  };
  const before = used();
  const began = performance.now();
  await inLanes(jobs, (n) => ask(n + 1));
  await untilEnded(system, warmUp + jobs);
  const ms = performance.now() - began;
  const after = used();
  const runs = (await system.runs()).filter(({ seq }) => seq > 0);
  const cpu = { producer: 0, worker: 0, postgres: 0, redis: 0 };
  for (const name of Object.keys(cpu) as (keyof typeof cpu)[])
    cpu[name] = (after[name] - before[name]) / jobs;
  return { perSecond: (jobs * 1_000) / ms, cpu, ...violationsOf(asked, runs) };
}

async function inLanes(count: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function untilEnded(system: System, count: number): Promise<void> {
  const limit = performance.now() + LIMIT_MS;
  while (system.ended() < count) {
    if (performance.now() > limit)
      throw new Error(`${system.ended()} of ${count} ended within ${LIMIT_MS} ms`);
    await delay(5);
  }
}
