import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DemoError } from "./demo-error.js";

export interface Settings {
  url: string;
  key: string;
  /** Undefined: Berth's default. */
  backend: string | undefined;
  image: string;
  restarts: number;
  /** Where the simulated EC2 is that Berth uses, to be asked what it has. */
  simulator: string | undefined;
}

export const USAGE = `npm run demo -- [--backend process|docker|ec2] [--image busybox] [--restarts 50] [--simulator <url>]

BERTH_URL  where Berth answers; default http://127.0.0.1:8080
BERTH_KEY  the key; default: what the standalone keeps in .berth/keys.env`;

/** @throws DemoError for an unknown argument, a bad number or a key that can't be found. */
export function readSettings(args: string[], env: NodeJS.ProcessEnv = process.env): Settings {
  const { backend, image, restarts, simulator } = readArguments(args);
  const times = Number(restarts);
  if (!Number.isInteger(times) || times < 1 || times > 1_000)
    throw new DemoError(`--restarts: got ${restarts}, expected a whole number from 1 to 1000`);
  const url = (env.BERTH_URL || "http://127.0.0.1:8080").replace(/\/+$/, "");
  return {
    url,
    key: env.BERTH_KEY || keptKey(env.BERTH_DATA_DIR || ".berth"),
    backend,
    image,
    restarts: times,
    simulator: simulator?.replace(/\/+$/, ""),
  };
}

function readArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        backend: { type: "string" },
        image: { type: "string", default: "busybox" },
        restarts: { type: "string", default: "50" },
        simulator: { type: "string" },
      },
    }).values;
  } catch (error) {
    throw new DemoError(`${(error as Error).message}\n\n${USAGE}`);
  }
}

function keptKey(dataDir: string): string {
  const file = join(dataDir, "keys.env");
  try {
    const key = /^BERTH_ADMIN_KEY=(\S+)$/m.exec(readFileSync(file, "utf8"))?.[1];
    if (key !== undefined) return key;
  } catch {
    // Told below.
  }
  throw new DemoError(
    `no key: set BERTH_KEY, or start Berth with "npm start" here, which keeps its key in ${file}`,
  );
}
