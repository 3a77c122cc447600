import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

/** What Berth is measured beside; none of it is a dependency of the product. */
export const VERSIONS = {
  "@dbos-inc/dbos-sdk": "5.3.0",
  bullmq: "6.7.0",
  "graphile-worker": "0.17.3",
  groupmq: "1.1.0",
  ioredis: "6.0.0",
  pg: "8.23.1",
  "pg-boss": "12.38.0",
} as const;

/** Installs them once into a folder of their own. @returns the folder */
export async function installPeers(): Promise<string> {
  const folder = join(tmpdir(), `berth-bench-peers-${Object.values(VERSIONS).join("-")}`);
  if (existsSync(join(folder, "installed"))) return folder;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, dependencies: VERSIONS }));
  await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], {
    cwd: folder,
  });
  await writeFile(join(folder, "installed"), "");
  return folder;
}

/** A package as that folder has it. */
export async function peer<T>(folder: string, name: keyof typeof VERSIONS): Promise<T> {
  const path = createRequire(join(folder, "package.json")).resolve(name);
  return (await import(pathToFileURL(path).href)) as T;
}
