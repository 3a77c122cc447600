import type { Backend } from "@berth/core/compute/backend";
import { createExternalBackend } from "@berth/core/compute/external";
import { readConfig } from "@berth/core/config/config";
import { createLogger } from "@berth/core/base/logger";
import { startWorker } from "@berth/worker/start";
import { run } from "../../apps/cli/src/run.js";
import { KEY, startTestApi, type TestApi } from "../api/api.js";
import { fleetEnvironment } from "../support/fleet.js";
import { createRecordedBackend, type RecordedBackend } from "../support/recorded-backend.js";

export interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Around {
  env?: Record<string, string>;
  /** Both outputs are terminals. */
  tty?: boolean;
  /** How wide it is, in characters. */
  columns?: number;
  stdin?: string;
  cwd?: string;
  signal?: AbortSignal;
  /** Told of each piece of either output. */
  onOutput?: (text: string) => void;
}

/** Runs a command line with nothing around it but what is given. */
export async function command(args: readonly string[], around: Around = {}): Promise<Said> {
  // No test reads what its developer has logged in to.
  const {
    env: given = {},
    tty = false,
    stdin = "",
    cwd = "/",
    signal = new AbortController().signal,
  } = around;
  const env = { XDG_CONFIG_HOME: "/nowhere", ...given };
  const said = { stdout: "", stderr: "" };
  const sink = (name: "stdout" | "stderr") => ({
    isTTY: tty,
    columns: around.columns,
    write(text: string) {
      said[name] += text;
      around.onOutput?.(text);
    },
  });
  const code = await run(args, {
    stdout: sink("stdout"),
    stderr: sink("stderr"),
    stdin: (async function* () {
      yield stdin;
    })(),
    env,
    cwd,
    signal,
  });
  return { code, ...said };
}

export interface Stage {
  api: TestApi;
  backend: RecordedBackend;
  env: Record<string, string>;
  /** Runs a command against this Berth. */
  berth(...args: string[]): Promise<Said>;
  /** Its answer as JSON. @throws if it doesn't end with 0 */
  // The tests say what it must be.
  // eslint-disable-next-line typescript/no-explicit-any
  json(...args: string[]): Promise<any>;
  close(): Promise<void>;
}

/** A Berth with a worker, on a provider that records every call. */
export async function startStage(extra: Record<string, string> = {}): Promise<Stage> {
  const api = await startTestApi(null, { BERTH_BACKENDS: "process,external", ...extra });
  const backend = await createRecordedBackend(api.pool);
  const worker = startWorker({
    config: readConfig("worker", fleetEnvironment(api.databaseUrl, null, extra)),
    pool: api.pool,
    queues: api.queues,
    backends: new Map<string, Backend>([
      ["process", backend],
      ["external", createExternalBackend()],
    ]),
    logger: createLogger({ logLevel: "silent" }, "test"),
  });
  const env = { BERTH_URL: api.url, BERTH_KEY: KEY };
  const berth = (...args: string[]) => command(args, { env });
  return {
    api,
    backend,
    env,
    berth,
    async json(...args) {
      const { code, stdout, stderr } = await berth("--json", ...args);
      if (code !== 0) throw new Error(`berth ${args.join(" ")} ended with ${code}: ${stderr}`);
      return JSON.parse(stdout);
    },
    async close() {
      await worker.close();
      await api.close();
    },
  };
}
