import { setTimeout as delay } from "node:timers/promises";
import type { Bed } from "../frame/bed.js";
import { inLanes, now } from "../frame/run.js";
import { cpuOf } from "./cpu.js";
import type { System } from "./systems.js";
import { violationsOf, type Violations } from "./violations.js";

/** So many ask at once, one after the other each. */
const LANES = 30;
const WARM_UP = 100;
const LIMIT_MS = 60_000;

/** CPU in ms an operation: of who asks, all workers, PostgreSQL with all its processes, and Redis. */
export interface Cpu {
  producer: number;
  worker: number;
  postgres: number;
  redis: number;
}
export interface Measured extends Violations {
  /** From the first that was asked for to the last that was recorded as ended. */
  perSecond: number;
  cpu: Cpu;
  /** From the request to the recorded end, in ms, each. */
  waits: readonly number[];
}
/** How much work of how many keys; at so many a second, or as fast as all lanes can. */
export interface Load {
  jobs: number;
  keys: number;
  rate?: number;
}

/** One measurement of work that does nothing, from the request to its recorded end. */
export async function measure(
  system: System,
  { jobs, keys, rate }: Load,
  servers: Pick<Bed, "cpu">,
): Promise<Measured> {
  const asked = new Map<number, { key: string; from: number; until: number }>();
  const ask = async (seq: number): Promise<void> => {
    const key = system.keys[Math.abs(seq) % keys]!;
    const from = now();
    await system.add(key, seq);
    if (seq > 0) asked.set(seq, { key, from, until: now() });
  };
  const warmUp = Math.min(WARM_UP, jobs);
  await ask(-1);
  await inLanes(LANES, warmUp - 1, (n) => ask(-n - 2));
  await untilEnded(system, warmUp);

  const used = (): Cpu => {
    const { user, system: kernel } = process.cpuUsage();
    const worker = system.workerPids.reduce((sum, pid) => sum + cpuOf(pid), 0);
    return { producer: (user + kernel) / 1_000, worker, ...servers.cpu() };
  };
  const before = used();
  const began = now();
  if (rate === undefined) await inLanes(LANES, jobs, (n) => ask(n + 1));
  else await atRate(rate, jobs, (n) => ask(n + 1));
  await untilEnded(system, warmUp + jobs);
  const ms = now() - began;
  const after = used();
  const runs = (await system.runs()).filter(({ seq }) => seq > 0);
  const cpu = { producer: 0, worker: 0, postgres: 0, redis: 0 };
  for (const name of Object.keys(cpu) as (keyof Cpu)[]) cpu[name] = (after[name] - before[name]) / jobs;
  const waits = runs.map(({ seq, recorded }) => recorded - asked.get(seq)!.from);
  return { perSecond: (jobs * 1_000) / ms, cpu, waits, ...violationsOf(asked, runs) };
}

/** By the clock, whether what was asked before is answered or not. */
async function atRate(rate: number, count: number, work: (n: number) => Promise<unknown>): Promise<void> {
  const began = now();
  const all: Promise<unknown>[] = [];
  for (let n = 0; n < count; n++) {
    const wait = began + (n * 1_000) / rate - now();
    if (wait > 0) await delay(wait);
    all.push(work(n));
  }
  await Promise.all(all);
}

async function untilEnded(system: System, count: number): Promise<void> {
  const limit = now() + LIMIT_MS;
  while (system.ended() < count) {
    if (now() > limit) throw new Error(`${system.ended()} of ${count} ended within ${LIMIT_MS} ms`);
    await delay(5);
  }
}
