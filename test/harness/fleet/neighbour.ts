import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { NEIGHBOUR } from "../audit/record.js";
import { ask } from "../sampler.js";
import { startProgram } from "./program.js";
import { SETTINGS } from "./settings.js";

/** A second installation of Berth under the same deployment's name, on the same providers, with a database of its own. */
export interface Neighbour {
  /** Its worker runs from now on, and is started again whenever it ends. */
  start(): void;
  stop(): Promise<void>;
}

export interface NeighbourOptions {
  databaseUrl: string;
  /** What it shares with the other: its deployment's name and its providers. */
  environment: Readonly<Record<string, string>>;
  script: string;
  root: string;
  logFile: string;
}

/** Makes its database; nobody ever asks it for anything. */
export async function openNeighbour(options: NeighbourOptions): Promise<Neighbour> {
  const database = new URL(options.databaseUrl);
  database.pathname = `/${NEIGHBOUR}`;
  await ask(options.databaseUrl, `create database ${NEIGHBOUR}`);
  const secret = randomBytes(24).toString("hex");
  let stop = () => Promise.resolve();
  return {
    start() {
      const program = startProgram({
        name: NEIGHBOUR,
        script: options.script,
        logFile: options.logFile,
        env: (n) => ({
          ...SETTINGS,
          ...options.environment,
          DATABASE_URL: database.href,
          BERTH_QUEUE_PREFIX: `{${NEIGHBOUR}}`,
          BERTH_SECRET: secret,
          BERTH_DATA_DIR: join(options.root, NEIGHBOUR),
          AWS_ACCESS_KEY_ID: `${NEIGHBOUR}.${n}`,
        }),
        onEnd: () => undefined,
      });
      stop = () => program.close();
    },
    stop: () => stop(),
  };
}
