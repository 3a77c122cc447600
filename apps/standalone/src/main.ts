import { ConfigError, readConfig } from "@berth/core/config";
import { createLogger } from "@berth/core/logger";
import { Endings } from "./endings.js";
import { startStandalone } from "./standalone.js";
import { reasonOf } from "./start-error.js";

/** Two signals that are closer than this come from one Ctrl-C: npm passes on what the terminal sent as well. */
const ONE_KEYSTROKE_MS = 300;

/** The exit code. */
async function run(): Promise<number> {
  let config;
  try {
    config = readConfig("standalone");
  } catch (error) {
    for (const problem of error instanceof ConfigError ? error.problems : [reasonOf(error)])
      complain(problem);
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
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  // The reader of a pipe may be gone before us.
  process.stdout.on("error", () => undefined);

  let reason: Error;
  try {
    const text = await startStandalone(config, {
      log,
      endings,
      signal: stop.signal,
      fail: (e) => stop.abort(e),
    });
    process.stdout.write(text);
    reason = await failure;
  } catch (error) {
    reason = error instanceof Error ? error : new Error(String(error));
  }
  if (reason instanceof Interruption) process.stderr.write("Berth is stopping …\n");
  else complain(reasonOf(reason));
  if (!(reason instanceof Interruption)) log.debug({ err: reason }, "the reason in full");
  await endings.close(log);
  return reason instanceof Interruption ? 0 : 1;
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

function complain(problem: string): void {
  process.stderr.write(`berth: ${problem}\n`);
}

// After the classes: they don't exist before their line.
process.exit(await run());
