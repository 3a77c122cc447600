import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Surroundings } from "./context.js";
import { readContexts } from "./contexts.js";
import { CliError, EXIT } from "./exit.js";

export const DEFAULT_URL = "http://127.0.0.1:8080";

export interface Settings {
  url: string;
  key: string;
}

/**
 * Where Berth answers, and the key for it: those of the context that is `wanted`; else what the environment says; else the Berth
 * that was started in this directory; else the context in use.
 * @throws CliError if no key can be found, or the address is none
 */
export function readSettings({ env, cwd }: Pick<Surroundings, "env" | "cwd">, wanted?: string): Settings {
  const named = wanted ?? (env["BERTH_CONTEXT"] || undefined);
  const { current, contexts } = readContexts(env);
  if (named !== undefined && !Object.hasOwn(contexts, named))
    throw new CliError(EXIT.notFound, `there is no context ${named}`, "see: berth contexts");
  const directory = join(cwd, env["BERTH_DATA_DIR"] || ".berth");
  const context = named === undefined ? undefined : contexts[named];
  if (wanted !== undefined && context !== undefined) return context;
  const here = context === undefined ? keptHere(directory) : undefined;
  const used = context ?? (here === undefined && current !== null ? contexts[current] : undefined);
  const url = addressOf(env["BERTH_URL"] || used?.url || here?.url || DEFAULT_URL, "BERTH_URL");
  const key =
    env["BERTH_KEY"] || (used?.url === url ? used.key : undefined) || (isLocal(url) ? here?.key : undefined);
  if (key !== undefined && key !== "") return { url, key };
  throw new CliError(
    EXIT.unauthorized,
    `no key for ${url}`,
    `set BERTH_KEY, log in (berth login ${url}), or run this where "berth up" keeps its key in ${join(directory, "keys.env")}`,
  );
}

/** Without the slash at its end. @throws CliError if it is no address */
export function addressOf(text: string, what: string): string {
  const url = text.replace(/\/+$/, "");
  if (/^https?:\/\/./.test(url) && URL.canParse(url)) return url;
  throw new CliError(EXIT.usage, `${what}: got "${url}", expected an address such as ${DEFAULT_URL}`);
}

/** What the standalone keeps here is the key of a Berth on this machine, and nobody else's business. */
function isLocal(url: string): boolean {
  return ["127.0.0.1", "localhost", "[::1]"].includes(new URL(url).hostname);
}

/** Of the Berth that was started in this directory: its key, and where it answered last. */
function keptHere(directory: string): { key: string; url: string | undefined } | undefined {
  const key = /^BERTH_ADMIN_KEY=(\S+)$/m.exec(textOf(join(directory, "keys.env")))?.[1];
  return key === undefined ? undefined : { key, url: textOf(join(directory, "url")).trim() || undefined };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

export function environment(): NodeJS.ProcessEnv {
  return process.env;
}
