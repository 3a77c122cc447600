import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Case } from "../frame/case.js";
import { now } from "../frame/run.js";
import { openStack } from "../frame/stack.js";

const [API, WORKER]: string[] = ["API process", "worker process"];
/** What has started is at rest after so long. */
const REST_MS = 3_000;

/** In MB of 10^6 bytes. */
function memoryOf(pid: number): number {
  const [, kib] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
  return (Number(kib) * 1_024) / 1e6;
}

export const start: Case = {
  name: "start",
  title: "Memory at rest",
  what: "RSS of a process 3 s after it has started, with the backends `process`, `external` and `ec2`; and how long it took to start on a new database, whose tables the API makes.",
  unit: "MB",
  better: "less",
  subjects: [API!, WORKER!],
  reference: API!,
  minutes: 1,
  targets: [{ what: "memory at rest, MB", subject: [API!, WORKER!], most: 150 }],
  open: (bed) => ({
    async run(subject) {
      const begun = now();
      const stack = await openStack(bed, {
        backends: "process,external,ec2",
        workers: subject === WORKER ? 1 : 0,
      });
      const ms = now() - begun;
      try {
        await delay(REST_MS);
        const [pid] = subject === API ? stack.pids.api : stack.pids.worker;
        return { value: memoryOf(pid!), more: { "started after, ms": ms }, broken: [] };
      } finally {
        await stack.close();
      }
    },
  }),
};
