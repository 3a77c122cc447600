import { type Client, createClient } from "@berth/client";
import { createPaint, type Paint } from "./output/paint.js";
import { createProgress, type Progress } from "./output/progress.js";
import type { Sink } from "./output/sink.js";
import { type Form, formed, isData } from "./output/form.js";
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
  output?: Form;
  context?: string;
}

/** What commands work with. */
export interface Context extends Pick<Surroundings, "env" | "cwd" | "stdin" | "signal" | "stdout"> {
  /** Made when it is first needed: what asks Berth nothing needs no key. */
  readonly berth: Client;
  /** Writes the answer. */
  print(text: string): void;
  /** Says something besides the answer, unless that isn't wanted. */
  tell(text: string): void;
  /** True if the answer is wanted for programs, as JSON or in another form that has all of it. */
  json: boolean;
  form: Form;
  /** The context that was asked for by name. */
  wanted: string | undefined;
  paint: Paint;
  progress: Progress;
  now: number;
}

export function createContext(
  surroundings: Surroundings,
  { json = false, quiet = false, output = null, context: wanted }: GlobalOptions,
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
        ...readSettings({ env, cwd }, wanted),
        onRetry: ({ error, delayMs }) => tell(`${error.detail}; trying again in ${span(delayMs + 999)}`),
      });
      return client;
    },
    print(text) {
      progress.end();
      stdout.write(`${text}\n`);
    },
    tell,
    json: json || isData(output),
    form: json ? "json" : output,
    wanted,
    paint: createPaint({
      colours: stdout.isTTY === true && !env["NO_COLOR"],
      // Who asks for all of it gets it, as wide as it is.
      width: stdout.isTTY === true && output !== "wide" ? (stdout.columns ?? null) : null,
    }),
    progress,
    now: Date.now(),
    stdout,
    stdin,
    env,
    cwd,
    signal,
  };
}

/** For programs, as JSON or in the form that was asked for; of people's tables nothing is promised. */
export function printJson({ print, form }: Pick<Context, "print" | "form">, value: unknown): void {
  const text = formed(form, value);
  if (text !== "") print(text);
}
