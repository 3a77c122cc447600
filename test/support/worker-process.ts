import { fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { PATIENCE_MS } from "./patience.js";
import { programOf } from "./programs.js";

/** How the recorded provider of one worker process misbehaves, and where it lives. Times in ms. */
export interface ProcessProvider {
  /** Its database; default: that of the fleet. */
  url?: string;
  latencyMs?: number;
  /** Every pause takes the whole of `latencyMs`, so that a test can hit it. */
  fullLatency?: boolean;
  failBefore?: number;
  failAfter?: number;
  seed?: number;
}

/** A process of its own that a test can crash, freeze and end. Ended for certain by `await using`. */
export interface TestProcess {
  readonly pid: number;
  /** Everything it wrote, standard error included. */
  output(): string;
  /** Waits until what it wrote matches. @throws if it ends before, with its output. */
  said(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  send(message: string): void;
  /** SIGKILL. Resolves when it has ended. */
  kill(): Promise<void>;
  /** SIGSTOP. Resolves when it no longer runs. */
  freeze(): Promise<void>;
  /** SIGCONT. */
  thaw(): void;
  /** SIGTERM. */
  term(): void;
  /** How it ended. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a TypeScript file as a process, with `env` as its whole environment. It ends with this process. */
export function startProcess(
  file: URL,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): TestProcess {
  const program = programOf(fileURLToPath(file));
  const child = fork(program.file, args, {
    execArgv: [...program.execArgv, "--enable-source-maps"],
    // TMPDIR is how a leaked process is found when the run ends.
    env: { PATH: process.env.PATH ?? "", TMPDIR: process.env.TMPDIR ?? "/tmp", ...env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let text = "";
  child.stdout!.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr!.on("data", (chunk: Buffer) => (text += chunk.toString()));
  // A message to one that was just killed.
  child.on("error", () => undefined);
  const exited = once(child, "exit").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  const alive = () => child.exitCode === null && child.signalCode === null;
  const kill = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  return {
    pid: child.pid!,
    output: () => text,
    said: (pattern, timeoutMs = PATIENCE_MS) =>
      vi.waitUntil(
        () => {
          const match = pattern.exec(text);
          if (match === null && !alive())
            throw new Error(`process ${child.pid} ended and never said ${pattern}:\n${text}`);
          return match;
        },
        { timeout: timeoutMs, interval: 10 },
      ),
    send: (message) => child.send(message),
    kill,
    async freeze() {
      child.kill("SIGSTOP");
      const state = async () => /\) (\w)/.exec(await readFile(`/proc/${child.pid}/stat`, "utf8"))?.[1];
      await vi.waitUntil(async () => (await state()) === "T", { interval: 5 });
    },
    thaw: () => void child.kill("SIGCONT"),
    term: () => void child.kill("SIGTERM"),
    exited,
    [Symbol.asyncDispose]: kill,
  };
}

/** Starts a worker on the recorded provider, and waits until it takes work. */
export async function startWorkerProcess(
  env: Readonly<Record<string, string>>,
  provider: ProcessProvider = {},
  args: readonly string[] = [],
): Promise<TestProcess> {
  const worker = startProcess(new URL("./worker-process-entry.ts", import.meta.url), env, [
    JSON.stringify(provider),
    ...args,
  ]);
  try {
    await worker.said(/^worker ready$/m);
    return worker;
  } catch (error) {
    await worker.kill();
    throw error;
  }
}
