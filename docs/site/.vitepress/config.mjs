import { cpSync, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitepress";
import { brokenLinks, filesLinkedTo } from "./links.mjs";
import { SECTIONS, sidebar } from "./navigation.mjs";
import { gatherPages } from "./pages.mjs";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PAGES = fileURLToPath(new URL("../pages", import.meta.url));

const listed = new Set(SECTIONS.flatMap(({ items }) => items.map(({ page }) => page)));
const unlisted = gatherPages(ROOT, PAGES).filter(
  (page) => !listed.has(page) && !page.startsWith("docs/adr/"),
);
if (unlisted.length > 0)
  throw new Error(`not in docs/site/.vitepress/navigation.mjs: ${unlisted.join(", ")}`);

/** As GitHub names its headings, so that a link to one works in both. */
function slugify(heading) {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");
}

/** VitePress takes a link without a known ending for a page. What isn't one (a source, a policy) is copied as it is. */
function leaveLinksToFiles(md) {
  md.core.ruler.push("files", ({ tokens }) => {
    for (const link of tokens.flatMap(({ children }) => children ?? [])) {
      const href = link.type === "link_open" ? link.attrGet("href") : null;
      if (href !== null && !/^([a-z]+:|#|\/)|\.md(#|$)/.test(href)) link.attrSet("target", "_self");
    }
  });
}

export default defineConfig({
  title: "Berth",
  description: "A workspace lifecycle server: nothing overlaps, nothing leaks, nothing accepted is lost.",
  srcDir: "pages",
  rewrites: { "README.md": "index.md" },
  outDir: "dist",
  cacheDir: "node_modules/.cache/vitepress",
  metaChunk: true,
  // A diagram's or a shell's <name> is text.
  markdown: { html: false, anchor: { slugify }, config: leaveLinksToFiles },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: SECTIONS.map(({ text, items }) => ({ text, link: items[0].link })),
    sidebar: sidebar(),
  },
  buildEnd({ outDir, pages }) {
    for (const path of filesLinkedTo(outDir)) {
      const source = join(ROOT, path);
      if (existsSync(source) && statSync(source).isFile()) cpSync(source, join(outDir, path));
    }
    const broken = brokenLinks(outDir);
    if (broken.length > 0) throw new Error(`links that lead nowhere:\n${broken.join("\n")}`);
    console.log(`${pages.length} pages, and no link of theirs leads nowhere`);
  },
});
