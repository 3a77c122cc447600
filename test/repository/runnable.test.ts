import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { blocksOf, PAGES, ROOT } from "../support/pages.js";

/** What a reader would run; other blocks are files, answers and settings. */
const RUNNABLE = ["sh", "ts", "js"];

/** Page, heading: why no test runs what stands there, and which file does so instead. */
const ELSEWHERE: Readonly<Record<string, { why: string; file: string; says: string }>> = {
  "findings/README.md, Findings": { why: "a form to fill in", file: "findings/README.md", says: "x@1.2.3" },
  "CONTRIBUTING.md, Contributing": { why: "it is what CI is", file: "scripts/check.sh", says: "npm run" },
};

/** How a line begins that is a command, whatever its block calls itself. */
const COMMAND = /^(?:[A-Z_]+=\S* )*(?:berth|curl|docker|helm|kubectl|kill|npm|npx|psql|pg_dump|node) /m;

const shownIn = PAGES.flatMap((page) =>
  blocksOf(page)
    .filter(({ language }) => RUNNABLE.includes(language))
    .map(({ heading }) => `${page}, ${heading}`),
);
const tests = readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => readFileSync(join(ROOT, "test", name), "utf8"));
const runIn = tests.flatMap((text) =>
  [...text.matchAll(/(?:commands|blocks)Under\(\s*"([^"]+)",\s*(["`])(.*?)\2/g)].map(
    ([, page, , heading]) => `${page}, ${heading!.replaceAll(String.raw`\``, "`")}`,
  ),
);

it("commands stand in blocks of shell, so that they are known for what they are", () => {
  const hidden = PAGES.flatMap((page) =>
    blocksOf(page)
      .filter(({ language, text }) => language === "" && COMMAND.test(text))
      .map(({ heading }) => `${page}, ${heading}`),
  );
  expect(hidden).toEqual([]);
});

it("each command and program that a page shows is run by a test that reads it there, or says why not", () => {
  expect(shownIn.filter((block) => !runIn.includes(block) && ELSEWHERE[block] === undefined)).toEqual([]);
  expect(Object.keys(ELSEWHERE).filter((block) => !shownIn.includes(block) || runIn.includes(block))).toEqual(
    [],
  );
  for (const [block, { file, says }] of Object.entries(ELSEWHERE))
    expect(readFileSync(join(ROOT, file), "utf8"), block).toContain(says);
});
