// npm run chaos -- --minutes 5 --seed 42 [--report DIR]
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { noDocker } from "./fleet/docker.js";
import { runChaos } from "./run.js";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "3" },
    seed: { type: "string", default: String(Date.now() % 100_000) },
    clients: { type: "string", default: "6" },
    report: { type: "string" },
  },
});
const [minutes, seed, clients] = [values.minutes, values.seed, values.clients].map(Number) as [
  number,
  number,
  number,
];
if (!(minutes > 0) || !Number.isInteger(seed) || !Number.isInteger(clients) || clients < 1)
  throw new TypeError("--minutes must be a number above 0, --seed and --clients whole numbers");

// What a run has started is ended when this process exits, and not by a signal that it doesn't handle.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));
const say = (line: string) => void process.stdout.write(`${line}\n`);
const { report, violations } = await runChaos({
  seed,
  faultsMs: minutes * 60_000,
  clients,
  withoutDocker: noDocker(),
  checkout: fileURLToPath(new URL("../..", import.meta.url)),
  command: `npm run chaos -- --minutes ${minutes} --seed ${seed}`,
  reportDirectory: values.report ?? null,
  say,
});
say(report);
process.exitCode = violations === 0 ? 0 : 1;
