import { type Client, createClient } from "@berth/client";
import { createPaint, type Paint } from "./output/paint.js";
import { createProgress, type Progress } from "./output/progress.js";
import type { Sink } from "./output/sink.js";
import { span } from "./output/times.js";
import { readSettings } from "./settings.js";

/** What a run of the command has around it. */
export interface Surroundings {
  stdout: Sink;
  stderr: Sink;
  stdin: AsyncIterable<unknown>;
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
}

export interface GlobalOptions {
  json?: boolean;
  quiet?: boolean;
}

/** What commands work with. */
export interface Context extends Pick<Surroundings, "env" | "cwd" | "stdin" | "signal" | "stdout"> {
  /** Made when it is first needed: what asks Berth nothing needs no key. */
  readonly berth: Client;
  /** Writes the answer. */
  print(text: string): void;
  /** Says something besides the answer, unless that isn't wanted. */
  tell(text: string): void;
  /** True if the answer is wanted as JSON. */
  json: boolean;
  paint: Paint;
  progress: Progress;
  now: number;
}

export function createContext(
  surroundings: Surroundings,
  { json = false, quiet = false }: GlobalOptions,
): Context {
  const { stdout, stderr, env, cwd, signal, stdin } = surroundings;
  const progress = createProgress(stderr, quiet);
  const tell = (text: string): void => {
    progress.end();
    if (!quiet) stderr.write(`${text}\n`);
  };
  let client: Client | undefined;
  return {
    get berth() {
      client ??= createClient({
        ...readSettings(env, cwd),
        onRetry: ({ error, delayMs }) => tell(`${error.detail}; trying again in ${span(delayMs + 999)}`),
      });
      return client;
    },
    print(text) {
      progress.end();
      stdout.write(`${text}\n`);
    },
    tell,
    json,
    paint: createPaint(stdout.isTTY === true && !env["NO_COLOR"]),
    progress,
    now: Date.now(),
    stdout,
    stdin,
    env,
    cwd,
    signal,
  };
}

/** As JSON, for programs; of people's tables nothing is promised. */
export function printJson({ print }: Pick<Context, "print">, value: unknown): void {
  print(JSON.stringify(value, null, 2));
}
