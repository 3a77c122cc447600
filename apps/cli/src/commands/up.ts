import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { defined } from "../defined.js";
import { action, examples, type Register } from "../command.js";
import { CliError, EXIT } from "../exit.js";

/** The standalone is a program of its own, as the server is to this client. */
const STANDALONE = fileURLToPath(new URL("../../../standalone/dist/main.js", import.meta.url));

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
        if (!existsSync(STANDALONE))
          throw new CliError(EXIT.failed, "the server isn't built", 'run "npm run build" in the repository');
        const args = backend === undefined ? [] : ["--backend", backend];
        const child = spawn(process.execPath, [STANDALONE, ...args], {
          cwd,
          env: { ...env, ...defined({ PORT: port }) },
          stdio: "inherit",
        });
        // A terminal's Ctrl-C reaches both, and the server takes two at once for one.
        const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
        for (const signal of SIGNALS) process.on(signal, pass);
        const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
        for (const one of SIGNALS) process.off(one, pass);
        const exit = code ?? 128 + constants.signals[signal!];
        if (exit !== 0) throw new CliError(EXIT.failed, `the server ended with ${exit}`);
      }),
    );
  examples(command, "berth up", "berth up --backend process --port 9000");
};
