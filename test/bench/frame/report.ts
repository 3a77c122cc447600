import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import prettier from "prettier";
import type { Result } from "./case.js";
import { picture, resultsPage, targetsTable } from "./render.js";

const ROOT = new URL("../../../", import.meta.url);
const FOLDER = "docs/benchmarks";
const [BEGIN, END] = ["<!-- npm run bench writes from here -->", "<!-- to here -->"];
const path = (name: string): string => fileURLToPath(new URL(name, ROOT));

/** Keeps what a case has shown; {@link writePages} makes the pages of it. */
export async function keep(result: Result): Promise<void> {
  await mkdir(path(FOLDER), { recursive: true });
  await writeFile(path(`${FOLDER}/${result.name}.json`), await formatted(JSON.stringify(result), "json"));
}

/** What is kept, in the order of the cases. */
export async function kept(names: readonly string[]): Promise<Result[]> {
  const there = names.filter((name) => existsSync(path(`${FOLDER}/${name}.json`)));
  return Promise.all(
    there.map(async (name) => JSON.parse(await readFile(path(`${FOLDER}/${name}.json`), "utf8")) as Result),
  );
}

/** Every page and picture that is made of results, by its path in the repository. */
export async function pages(results: readonly Result[]): Promise<Record<string, string>> {
  const readme = await readFile(path("README.md"), "utf8");
  const [before, rest] = readme.split(BEGIN);
  const [, after] = (rest ?? "").split(END);
  if (after === undefined) throw new Error(`README.md has no ${BEGIN} and ${END}`);
  return {
    "README.md": await formatted(
      `${before}${BEGIN}\n\n${targetsTable(results)}\n\n${END}${after}`,
      "markdown",
    ),
    [`${FOLDER}/results.md`]: await formatted(resultsPage(results), "markdown"),
    ...Object.fromEntries(results.map((result) => [`${FOLDER}/${result.name}.svg`, picture(result)])),
  };
}

export async function writePages(results: readonly Result[]): Promise<void> {
  await mkdir(path(FOLDER), { recursive: true });
  for (const [name, text] of Object.entries(await pages(results))) await writeFile(path(name), text);
}

/** As `npm run format` would leave it. */
async function formatted(text: string, parser: "json" | "markdown"): Promise<string> {
  const options = await prettier.resolveConfig(path("README.md"));
  return prettier.format(text, { ...options, parser });
}
