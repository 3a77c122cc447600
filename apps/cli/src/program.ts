import { Command, Option } from "commander";
import type { Register } from "./command.js";
import { completion } from "./commands/completion.js";
import { create } from "./commands/create.js";
import { doctor } from "./commands/doctor.js";
import { events } from "./commands/events.js";
import { get } from "./commands/get.js";
import { audit } from "./commands/audit.js";
import { keys } from "./commands/keys.js";
import { contexts, login, logout, use } from "./commands/login.js";
import { leaks } from "./commands/leaks.js";
import { relabel, set } from "./commands/change.js";
import { hibernate, pause, restart, resume, rm, wake } from "./commands/lifecycle.js";
import { logs } from "./commands/logs.js";
import { ls } from "./commands/ls.js";
import { ops } from "./commands/ops.js";
import { places } from "./commands/places/group.js";
import { quotas } from "./commands/quotas.js";
import { status } from "./commands/status.js";
import { sweeps } from "./commands/sweeps.js";
import { top } from "./commands/top.js";
import { up } from "./commands/up.js";
import { wait } from "./commands/wait.js";
import { why } from "./commands/why.js";
import { webhooks } from "./commands/webhooks/group.js";
import type { Surroundings } from "./context.js";
import { form } from "./output/form.js";

/** All commands, under the headings of the help. */
const COMMANDS: readonly (readonly [heading: string, commands: readonly Register[]])[] = [
  ["Begin:", [up, doctor, login, contexts, use, logout]],
  ["Workspaces:", [create, ls, get, restart, pause, resume, hibernate, wake, set, relabel, rm]],
  ["What happens:", [wait, why, logs, events, ops]],
  ["The fleet:", [status, top, leaks, sweeps, places, quotas, webhooks, keys, audit]],
  ["Your shell:", [completion]],
];

const HELP = `
Begin with:
  berth up                                     start Berth here; in another terminal:
  berth create echo --backend process -- sh -c "echo hello; exec sleep 3600"
  berth ls
  berth logs -f echo
  berth rm echo

Environment:
  BERTH_URL      where Berth answers; default: where "berth up" answers here, else the context in use
  BERTH_KEY      the key; default: that which "berth up" keeps in .berth/keys.env here, or the context's
  BERTH_CONTEXT  as --context

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 refused as things are,
5 no or wrong key, 6 unreachable, 7 not done in time, 130 interrupted`;

export function createProgram(surroundings: Surroundings): Command {
  const { stdout, stderr } = surroundings;
  const program = new Command("berth")
    .description("Berth from the command line: workspaces that never overlap, never leak and never get lost.")
    .option("--json", "print JSON, for programs; the same as -o json")
    .addOption(
      new Option("-o, --output <form>", "wide, name, json, yaml or jsonpath={.field}").argParser(form),
    )
    .option("--context <name>", "ask this one of `berth contexts`")
    .option("-q, --quiet", "say nothing besides the answer")
    .version("0.1.0", "-V, --version")
    .addHelpText("after", HELP)
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    // Errors are told by whoever runs this, in one line.
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: () => undefined,
    })
    .exitOverride();
  for (const [heading, commands] of COMMANDS) {
    program.commandsGroup(heading);
    for (const register of commands) register(program, surroundings);
  }
  return program;
}
