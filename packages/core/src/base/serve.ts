import { ConfigError } from "../config/config.js";

/** Something that was started and can be ended in good order. */
export interface Running {
  close(): Promise<void>;
}

/**
 * The life of a process: starts, ends in good order on SIGTERM or SIGINT and exits 0, and ends at once on
 * the second of them. What can't start says why in one line (a line a key for the configuration) and exits 1.
 */
export async function serve(name: string, start: () => Promise<Running>): Promise<void> {
  let running: Running | undefined;
  let ending = false;
  const end = (): void => {
    if (ending) process.exit(130);
    ending = true;
    // Still starting: `start` goes on to its end, and then closes.
    if (running !== undefined) void close(name, running);
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  try {
    running = await start();
    if (ending) await close(name, running);
  } catch (error) {
    for (const line of describe(error)) process.stderr.write(`${name}: ${line}\n`);
    process.exit(1);
  }
}

async function close(name: string, running: Running): Promise<never> {
  try {
    await running.close();
    process.exit(0);
  } catch (error) {
    process.stderr.write(
      `${name}: did not end cleanly: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exit(1);
  }
}

function describe(error: unknown): readonly string[] {
  if (error instanceof ConfigError) return error.problems;
  // Node's errors for a refused connection carry their message only in their parts.
  if (error instanceof AggregateError && error.message === "")
    return [
      error.errors.map((one: unknown) => (one instanceof Error ? one.message : String(one))).join("; "),
    ];
  return [error instanceof Error ? (error.message.split("\n")[0] ?? error.name) : String(error)];
}
