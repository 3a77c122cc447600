import { CliError, EXIT } from "./exit.js";
import { environment } from "./settings.js";
import { run } from "./run.js";

const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort(new CliError(EXIT.interrupted, "")));
// The reader of a pipe, such as head, may be gone before us.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(EXIT.ok);
});

process.exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: environment(),
  cwd: process.cwd(),
  signal: interrupted.signal,
});
