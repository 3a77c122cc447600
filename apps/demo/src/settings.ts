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
  /** Over how many places the tree is spread. */
  places: number;
  /** Docker daemons to be asked what they have, as `DOCKER_HOST` names one. Empty: as the command `docker` does. */
  dockerHosts: string[];
  /** Where the simulated EC2 is that Berth uses, to be asked what it has. */
  simulator: string | undefined;
}

export const USAGE = `npm run demo -- [--backend process|docker|ec2] [--image busybox] [--restarts 50] [--simulator <url>]
                    [--places 2] [--docker-host unix:///run/docker-a.sock --docker-host unix:///run/docker-b.sock]

BERTH_URL  where Berth answers; default http://127.0.0.1:8080
BERTH_KEY  the key; default: what the standalone keeps in .berth/keys.env`;

/** @throws DemoError for an unknown argument, a bad number or a key that can't be found. */
export function readSettings(args: string[], env: NodeJS.ProcessEnv = process.env): Settings {
  const { backend, image, restarts, simulator, places, "docker-host": dockerHosts } = readArguments(args);
  const url = (env.BERTH_URL || "http://127.0.0.1:8080").replace(/\/+$/, "");
  return {
    url,
    key: env.BERTH_KEY || keptKey(env.BERTH_DATA_DIR || ".berth"),
    backend,
    image,
    restarts: whole("restarts", restarts, 1_000),
    // There are four workspaces.
    places: whole("places", places, 4),
    dockerHosts,
    simulator: simulator?.replace(/\/+$/, ""),
  };
}

function whole(name: string, text: string, most: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= most) return number;
  throw new DemoError(`--${name}: got ${text}, expected a whole number from 1 to ${most}`);
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
        places: { type: "string", default: "1" },
        "docker-host": { type: "string", multiple: true, default: [] },
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
