import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { SERVICE_NAMES, type ServiceName } from "./services.js";

const IMPORTED = /(?:from|import)\s*\(?\s*["'](\.{1,2}\/[^"']+)\.js["']/g;
const INJECTED = /\binject\("(\w+)"\)/g;

/** The services that test files ask for with `inject`, themselves or by what they import by a relative path. */
export function neededServices(files: readonly string[]): ServiceName[] {
  const needed = new Set<string>();
  const seen = new Set(files);
  // Those that are found meanwhile are gone through as well.
  for (const file of seen) {
    const text = readFileSync(file, "utf8");
    for (const [, name] of text.matchAll(INJECTED)) needed.add(name!);
    for (const [, path] of text.matchAll(IMPORTED)) {
      const imported = resolve(dirname(file), `${path}.ts`);
      if (existsSync(imported)) seen.add(imported);
    }
  }
  return SERVICE_NAMES.filter((name) => needed.has(name));
}
