import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Starts the command from its sources; it is ended with the test. */
export function command(...args: string[]) {
  const child = spawn(process.execPath, ["--import", "tsx", "--conditions=source", MAIN, ...args]);
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  const closed = once(child, "close") as Promise<[number | null]>;
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await closed;
  });
  return {
    child,
    /** Its address, once it listens. */
    async url(): Promise<string> {
      for (;;) {
        const found = /on (http:\S+)/.exec(output.stdout)?.[1];
        if (found !== undefined) return found;
        await Promise.race([
          once(child.stdout, "data"),
          closed.then(() => Promise.reject(new Error(output.stderr))),
        ]);
      }
    },
    async finished(): Promise<Finished> {
      const [code] = await closed;
      return { code, ...output };
    },
  };
}
