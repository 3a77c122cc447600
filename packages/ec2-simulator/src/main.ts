import v8 from "node:v8";
import { HELP, parseFlags, UsageError } from "./cli/flags.js";
import { startSimulator } from "./server.js";

// V8 lets garbage grow to the size of what is alive before it collects, which would double the memory that a
// large fleet takes. A simulator shares its machine with what it is there to test.
v8.setFlagsFromString("--heap-growing-percent=25");

await main();

async function main(): Promise<void> {
  try {
    const options = parseFlags(process.argv.slice(2));
    if (options === "help") return void process.stdout.write(HELP);
    const { url, close, sim } = await startSimulator(options);
    console.log(
      `berth-ec2-simulator on ${url} (control API: ${url}/_sim/health, seed ${sim.world.random.seed})`,
    );
    const stop = (): void => void close();
    process.once("SIGINT", stop).once("SIGTERM", stop);
  } catch (error) {
    console.error(`berth-ec2-simulator: ${explain(error)}`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

function explain(error: unknown): string {
  if (error instanceof UsageError) return `${error.message} (--help lists all options)`;
  if (!(error instanceof Error)) return String(error);
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code === "EADDRINUSE") return `port ${port} is in use; choose another with --port`;
  if (code === "EACCES") return `port ${port} needs more rights; choose another with --port`;
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND")
    return `this machine has no address ${address ?? ""}`.trim();
  return error.message;
}
