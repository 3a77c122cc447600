import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The first block of shell commands under a heading. */
export async function commandsUnder(page: string, heading: string): Promise<string> {
  const text = await readFile(join(ROOT, page), "utf8");
  const section = text.slice(text.indexOf(`## ${heading}\n`));
  return /```sh\n(.*?)```/s.exec(section)![1]!;
}

/** All blocks of a section, in their order, with what is only so on a reader's machine as it is here. */
export async function blocksUnder(
  page: string,
  heading: string,
  here: Readonly<Record<string, string>>,
): Promise<{ language: string; text: string }[]> {
  const text = await readFile(join(ROOT, page), "utf8");
  const section = text.slice(text.indexOf(`## ${heading}\n`)).split(/\n##+ /)[0]!;
  return [...section.matchAll(/```(\w+)\n(.*?)```/gs)].map(([, language, block]) => ({
    language: language!,
    text: Object.entries(here).reduce((all, [theirs, ours]) => all.replaceAll(theirs, ours), block!),
  }));
}
