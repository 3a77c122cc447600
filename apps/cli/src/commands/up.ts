import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { defined } from "../defined.js";
import { action, examples, type Register } from "../command.js";
import type { Surroundings } from "../context.js";
import { CliError, EXIT } from "../exit.js";

/** The server's programs are of their own, as the server is to this client. */
const PROGRAMS = new URL("../../../standalone/dist/", import.meta.url);

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export const up: Register = (program, surroundings) => {
  const command = program
    .command("up")
    .summary("start Berth here, all of it in one process")
    .description(
      "Starts Berth in this directory, with a PostgreSQL of its own; what it keeps is in .berth. Ctrl-C stops it.",
    )
    .option(
      "--backend <backend>",
      "docker, process, ec2 or ec2-simulator (default: docker if it answers, else process)",
    )
    .option("--port <port>", "where it answers (default: 8080)")
    .action(
      action<{ backend?: string; port?: string }>(surroundings, async ({ env, cwd }, { backend, port }) => {
        const args = backend === undefined ? [] : ["--backend", backend];
        const exit = await runServerProgram("main.js", args, {
          env: { ...env, ...defined({ PORT: port }) },
          cwd,
        });
        if (exit !== 0) throw new CliError(EXIT.failed, `the server ended with ${exit}`);
      }),
    );
  examples(command, "berth up", "berth up --backend process --port 9000");
};

/** Runs a program of the standalone in this terminal. @returns its exit code @throws CliError if it isn't built */
export async function runServerProgram(
  name: string,
  args: readonly string[],
  { env, cwd }: Pick<Surroundings, "env" | "cwd">,
): Promise<number> {
  const file = fileURLToPath(new URL(name, PROGRAMS));
  if (!existsSync(file))
    throw new CliError(EXIT.failed, "the server isn't built", 'run "npm run build" in the repository');
  const child = spawn(process.execPath, [file, ...args], { cwd, env, stdio: "inherit" });
  // A terminal's Ctrl-C reaches both, and the server takes two at once for one.
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, pass);
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  for (const one of SIGNALS) process.off(one, pass);
  return code ?? 128 + constants.signals[signal!];
}
