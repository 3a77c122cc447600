import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** By its path: it is also used in directories, and by users, that can't resolve it. */
const LOADER = fileURLToPath(
  import.meta.resolve?.("tsx") ?? `file://${ROOT}node_modules/tsx/dist/loader.mjs`,
);
const IS_BUILT = process.env["BERTH_TEST_BUILT"] === "1";

/** What Node is started with. */
export interface Program {
  execArgv: string[];
  file: string;
}

/**
 * How to run a TypeScript file. `npm test` has just built this checkout (`BERTH_TEST_BUILT`): then what is shipped runs,
 * and starts in a third of the time. Otherwise the sources do, which may be newer.
 */
export function programOf(source: string): Program {
  if (!IS_BUILT || !source.startsWith(ROOT))
    return { execArgv: ["--import", LOADER, "--conditions=source"], file: source };
  const [, app, name] = /^((?:apps|packages)\/[^/]+)\/src\/(.*)\.ts$/.exec(source.slice(ROOT.length)) ?? [];
  return app === undefined
    ? { execArgv: ["--import", LOADER], file: source }
    : { execArgv: [], file: `${ROOT}${app}/dist/${name}.js` };
}
