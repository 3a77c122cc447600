import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CliError, EXIT } from "./exit.js";

export const DEFAULT_URL = "http://127.0.0.1:8080";

export interface Settings {
  url: string;
  key: string;
}

/** @throws CliError if no key can be found, or the address is none */
export function readSettings(env: NodeJS.ProcessEnv, cwd: string): Settings {
  const url = (env["BERTH_URL"] || DEFAULT_URL).replace(/\/+$/, "");
  if (!/^https?:\/\/./.test(url) || !URL.canParse(url))
    throw new CliError(EXIT.usage, `BERTH_URL: got "${url}", expected an address such as ${DEFAULT_URL}`);
  const file = join(cwd, env["BERTH_DATA_DIR"] || ".berth", "keys.env");
  const key = env["BERTH_KEY"] || keptKey(url, file);
  if (key === undefined)
    throw new CliError(
      EXIT.unauthorized,
      `no key for ${url}`,
      `set BERTH_KEY, or run this where "berth up" keeps its key in ${file}`,
    );
  return { url, key };
}

/** What the standalone keeps here is the key of a Berth on this machine, and nobody else's business. */
function keptKey(url: string, file: string): string | undefined {
  if (!["127.0.0.1", "localhost", "[::1]"].includes(new URL(url).hostname)) return undefined;
  try {
    return /^BERTH_ADMIN_KEY=(\S+)$/m.exec(readFileSync(file, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

export function environment(): NodeJS.ProcessEnv {
  return process.env;
}
