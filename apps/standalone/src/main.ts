import { ConfigError, readConfig } from "@berth/core/config/config";
import { createLogger } from "@berth/core/base/logger";
import { readArguments } from "./arguments.js";
import { Endings } from "./endings.js";
import { startStandalone } from "./standalone.js";
import { reasonOf } from "./start-error.js";

/** Two signals that are closer than this come from one Ctrl-C: npm passes on what the terminal sent as well. */
const ONE_KEYSTROKE_MS = 1_000;

/** The exit code. */
async function run(): Promise<number> {
  let config;
  let wanted;
  try {
    wanted = readArguments(process.argv.slice(2));
    config = readConfig("standalone");
  } catch (error) {
    complain(error);
    return 1;
  }
  // Standard output is for what the user is told.
  const log = createLogger(config, "standalone", process.stderr);
  const endings = new Endings();
  const stop = new AbortController();
  const failure = new Promise<Error>((resolve) => {
    stop.signal.addEventListener("abort", () => resolve(stop.signal.reason as Error), { once: true });
  });
  const onSignal = endAtOnceIfAskedTwice(endings, (signal) => stop.abort(new Interruption(signal)));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, onSignal);
  // With a places file it means to read that anew, as soon as there is a worker to tell.
  process.on("SIGHUP", config.placesFile === null ? onSignal : () => undefined);
  // The reader of a pipe may be gone before us.
  process.stdout.on("error", () => undefined);

  try {
    const surroundings = { log, endings, signal: stop.signal, fail: (error: Error) => stop.abort(error) };
    process.stdout.write(await startStandalone(config, wanted, surroundings));
  } catch (error) {
    if (!(error instanceof Interruption)) {
      complain(error);
      log.debug({ err: error }, "the reason in full");
      await endings.close(log);
      return 1;
    }
  }
  const reason = await failure;
  if (reason instanceof Interruption) {
    process.stderr.write("Berth is stopping …\n");
    // A queue's connection that is only being made, and has no listener of its own yet, may break while all is ended.
    process.on("uncaughtException", (error) => log.debug({ err: error }, "broke while Berth ended"));
    await endings.close(log);
    return 0;
  }
  complain(reason);
  // Without its database or its lock nothing can be ended in order; the next start finds out all by itself.
  endings.kill();
  return 1;
}

class Interruption extends Error {}

function endAtOnceIfAskedTwice(endings: Endings, ask: (signal: string) => void): (signal: string) => void {
  let first: number | null = null;
  return (signal) => {
    const now = performance.now();
    first ??= now;
    if (now === first) ask(signal);
    else if (now - first > ONE_KEYSTROKE_MS) {
      endings.kill();
      process.exit(130);
    }
  };
}

function complain(error: unknown): void {
  for (const problem of error instanceof ConfigError ? error.problems : [reasonOf(error)])
    process.stderr.write(`berth: ${problem}\n`);
}

// After the classes: they don't exist before their line.
process.exit(await run());
