import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PAGES = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "docs/deployment.md",
  "docs/configuration.md",
  "docs/cli.md",
  "docs/client.md",
  "docs/reliability.md",
];
/** Where a path in a page may begin. */
const BASES = ["", "packages/core/src", "packages/core"];
const text = (name: string): string => readFileSync(join(ROOT, name), "utf8");

describe.each(PAGES)("%s", (page) => {
  it("links only to what is there", () => {
    const links = [...text(page).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map((match) => match[1]!);
    expect(links.filter((link) => !existsSync(join(ROOT, dirname(page), link)))).toEqual([]);
  });

  it("names only files and commands that are there", () => {
    const paths = [...text(page).matchAll(/`([\w.-]+(?:\/[\w.-]+)+\.(?:ts|json|sql|md|yml))`/g)].map(
      (m) => m[1]!,
    );
    expect(paths.filter((path) => !BASES.some((base) => existsSync(join(ROOT, base, path))))).toEqual([]);
    const scripts = [...text(page).matchAll(/npm run ([a-z]+(?::[a-z]+)*)/g)].map((match) => match[1]!);
    const known = Object.keys((JSON.parse(text("package.json")) as { scripts: object }).scripts);
    expect(scripts.filter((script) => !known.includes(script))).toEqual([]);
  });
});

describe("ARCHITECTURE.md", () => {
  it("shows every app, package and folder of core, and none besides", () => {
    const section = /## Where each thing lives\n+```\n([^]*?)```/.exec(text("ARCHITECTURE.md"))![1]!;
    const shown = section.split("\n").map((line) => line.trim().split(/\s/)[0]!);
    const folders = [
      ...foldersIn("apps"),
      ...foldersIn("packages"),
      ...foldersIn("packages/core/src").map((name) => `src/${name}`),
    ];
    for (const folder of folders) expect(shown).toContain(folder);
    for (const name of shown.filter((one) => one.startsWith("src/")))
      expect(existsSync(join(ROOT, "packages/core", name)), name).toBe(true);
  });
});

function foldersIn(path: string): string[] {
  const entries = readdirSync(join(ROOT, path), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}
