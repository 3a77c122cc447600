import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PAGE = readFileSync(join(ROOT, "ARCHITECTURE.md"), "utf8");
const MAX_LINES = 250;

describe("ARCHITECTURE.md", () => {
  it("shows every app and package, and none besides", () => {
    const shown = block("## Where each thing lives").map((line) => /^\s*(\S+)/.exec(line)?.[1]);
    const there = [...foldersIn("apps"), ...foldersIn("packages"), "test/", "findings/", "scripts/", "docs/"];
    expect(shown).toEqual(expect.arrayContaining(there));
  });

  it.each(["packages/core/src", "apps/api/src"])("draws the folders of %s with what each imports", (root) => {
    const drawn = new Map(
      block("## Directions of import", root).map((line) => {
        const [, name, imports] = /^ +(\S+) .*->(.*)$/.exec(line)!;
        return [name!, imports!.split(" ").filter(Boolean)];
      }),
    );
    expect(Object.fromEntries(drawn)).toEqual(importsOf(root));
  });
});

describe("the sources", () => {
  it(`have no file of more than ${MAX_LINES} lines`, () => {
    const long = ["packages", "apps"]
      .flatMap((folder) => filesIn(folder))
      .filter((file) => /^\w+\/[\w-]+\/src\//.test(file) && !file.includes("/generated/"))
      .filter((file) => readFileSync(join(ROOT, file), "utf8").split("\n").length - 1 > MAX_LINES);
    expect(long).toEqual([]);
  });
});

/** The lines of the code block below a heading, or of that part of it which begins with `first` and ends with a blank line. */
function block(heading: string, first?: string): string[] {
  const fence = PAGE.slice(PAGE.indexOf(heading)).split("```")[1]!.split("\n");
  const from = fence.indexOf(first ?? "") + 1;
  const rest = fence.slice(from);
  const end = rest.indexOf("");
  return rest.slice(0, end === -1 ? undefined : end);
}

/** The folders of a tree, and "." for the files beside them, with the folders that each imports by a relative path. */
function importsOf(root: string): Record<string, string[]> {
  const room = (path: string) => (path.includes("/") ? path.split("/")[0]! : ".");
  const arrows = new Map<string, Set<string>>();
  for (const file of filesIn(root)) {
    const from = room(relative(root, file));
    const to = arrows.get(from) ?? new Set();
    arrows.set(from, to);
    for (const [, path] of readFileSync(join(ROOT, file), "utf8").matchAll(
      /(?:from|import\()\s*"(\.[^"]*)"/g,
    ))
      to.add(room(relative(root, join(dirname(file), path!))));
    to.delete(from);
  }
  return Object.fromEntries([...arrows].map(([name, to]) => [name, [...to].toSorted()]));
}

function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory())
      return entry.name === "node_modules" || entry.name === "dist" ? [] : filesIn(path);
    return /\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

function foldersIn(path: string): string[] {
  const entries = readdirSync(join(ROOT, path), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}
