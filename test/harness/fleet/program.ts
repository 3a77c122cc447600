import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** A process of its own that is started again whenever it ends, as an orchestrator would. */
export interface Program {
  readonly name: string;
  /** Null while it doesn't run. */
  pid(): number | null;
  /** SIGKILL; it is started again when `again` is called. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, once with more in its environment. */
  again(extra?: Readonly<Record<string, string>>): void;
  freeze(): void;
  thaw(): void;
  /** Ends it for good. */
  close(): Promise<void>;
}

export interface ProgramOptions {
  name: string;
  script: string;
  /** For Node itself. */
  flags?: readonly string[];
  /** Its whole environment at its `n`th start. */
  env(n: number): Readonly<Record<string, string>>;
  logFile: string;
  /** It ended, and nobody here has killed it. */
  onEnd(code: number | null, signal: NodeJS.Signals | null): void;
}

/** As the default of systemd and Kubernetes, or sooner. */
const AGAIN_AFTER_MS = 500;

export function startProgram(options: ProgramOptions): Program {
  const { name } = options;
  let child: ChildProcess | null = null;
  let held = false;
  let closed = false;
  let started = 0;

  const start = (extra: Readonly<Record<string, string>> = {}) => {
    if (child !== null || held || closed) return;
    const log = openSync(options.logFile, "a", 0o600);
    const one = spawn(process.execPath, [...(options.flags ?? []), "--enable-source-maps", options.script], {
      env: {
        PATH: process.env.PATH ?? "",
        TMPDIR: process.env.TMPDIR ?? "/tmp",
        ...options.env(started++),
        ...extra,
      },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    child = one;
    one.once("exit", (code, signal) => {
      child = null;
      if (held || closed) return;
      options.onEnd(code, signal);
      void delay(AGAIN_AFTER_MS).then(() => start());
    });
  };
  const end = async () => {
    if (child === null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  start();
  return {
    name,
    pid: () => child?.pid ?? null,
    async kill() {
      held = true;
      await end();
    },
    again(extra) {
      held = false;
      start(extra);
    },
    freeze: () => void child?.kill("SIGSTOP"),
    thaw: () => void child?.kill("SIGCONT"),
    async close() {
      closed = true;
      await end();
    },
  };
}
