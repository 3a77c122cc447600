import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pageOf, tags } from "./openapi.mjs";

/** Where pages stand that aren't in docs. */
const ELSEWHERE = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "apps/cli/README.md",
  "packages/client/README.md",
  "packages/ec2-simulator/README.md",
  "findings/README.md",
];
const FOLDERS = ["docs", "docs/adr", "docs/benchmarks", "docs/pictures"];

/**
 * Copies the repository's pages and their pictures to `directory`, under their paths there, so that links between them hold.
 * Beside them stand those of the API. VitePress wants its pages where Vue is found, below its own folder.
 */
export function gatherPages(root, directory) {
  rmSync(directory, { recursive: true, force: true });
  const inFolders = FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => /\.(md|png|svg)$/.test(name))
      .map((name) => join(folder, name)),
  );
  const pages = [...ELSEWHERE, ...inFolders];
  for (const path of pages) cpSync(join(root, path), join(directory, path));
  for (const tag of tags()) write(join(directory, "api", `${tag.name}.md`), pageOf(tag));
  return pages.filter((path) => path.endsWith(".md"));
}

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
