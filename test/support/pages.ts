import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What a person reads, by its path from the root. */
export const PAGES: readonly string[] = [
  "",
  "docs",
  "docs/adr",
  "findings",
  "packages/ec2-simulator",
  "packages/client",
  "apps/cli",
].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name)),
);

export interface Block {
  /** Of the nearest heading above it, the page's own title included. */
  readonly heading: string;
  /** Empty where the page says none. */
  readonly language: string;
  readonly text: string;
}

/** Pieces of a page's text, and what stands in their place where it is tried: addresses, directories. */
export type Here = Readonly<Record<string, string>>;

/** All blocks of a page, in their order. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let heading = "";
  let open: { indent: string; language: string; lines: string[] } | null = null;
  for (const line of readFileSync(join(ROOT, page), "utf8").split("\n")) {
    const [, indent = "", language] = /^( *)```(\w*)$/.exec(line) ?? [];
    if (open === null && language !== undefined) open = { indent, language, lines: [] };
    else if (open !== null && language === "") {
      blocks.push({ heading, language: open.language, text: `${open.lines.join("\n")}\n` });
      open = null;
    } else if (open !== null) open.lines.push(line.replace(open.indent, ""));
    else heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
  }
  return blocks;
}

/** The blocks under a heading. test/repository/runnable.test.ts finds those who call this by its two first words. */
export function blocksUnder(page: string, heading: string, here: Here = {}): Block[] {
  const found = blocksOf(page).filter((block) => block.heading === heading);
  if (found.length === 0) throw new Error(`${page} has no block under ${heading}`);
  return found.map((block) => ({
    ...block,
    text: Object.entries(here).reduce((all, [theirs, ours]) => all.replaceAll(theirs, ours), block.text),
  }));
}

/** The one block of shell commands under a heading. */
export function commandsUnder(page: string, heading: string, here: Here = {}): string {
  const found = blocksUnder(page, heading, here).filter(({ language }) => language === "sh");
  if (found.length !== 1) throw new Error(`${page} has ${found.length} blocks of shell under ${heading}`);
  return found[0]!.text;
}
