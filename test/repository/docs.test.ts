import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { PAGES, ROOT } from "../support/pages.js";

/** Where a path in a page may begin, beside its own folder. */
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
    const bases = [...BASES, dirname(page)];
    expect(paths.filter((path) => !bases.some((base) => existsSync(join(ROOT, base, path))))).toEqual([]);
    const scripts = [...text(page).matchAll(/npm run ([a-z]+(?::[a-z]+)*)/g)].map((match) => match[1]!);
    const known = Object.keys((JSON.parse(text("package.json")) as { scripts: object }).scripts);
    expect(scripts.filter((script) => !known.includes(script))).toEqual([]);
  });
});
