import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, posix } from "node:path";

/** Of each page its links within the site, as paths from its root with their fragments. */
function* linksOf(outDir) {
  for (const page of readdirSync(outDir, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".html"),
  )) {
    if (page === "404.html") continue;
    for (const [, href] of readFileSync(join(outDir, page), "utf8").matchAll(/<a[^>]* href="([^"]+)"/g)) {
      if (/^[a-z]+:/.test(href)) continue;
      const [path, fragment] = href.split("#");
      const target = path === "" ? page : posix.join("/", posix.dirname(page), path).slice(1);
      yield {
        page,
        href,
        path: path.startsWith("/") ? path.slice(1) : target,
        fragment: fragment && decodeURIComponent(fragment),
      };
    }
  }
}

/** What pages link to beside pages: descriptions, policies, sources. */
export function filesLinkedTo(outDir) {
  return new Set([...linksOf(outDir)].map(({ path }) => path).filter((path) => !/(^|\/|\.html)$/.test(path)));
}

/** Links to a page, a file or a heading that isn't there. VitePress itself looks for pages only. */
export function brokenLinks(outDir) {
  const ids = new Map();
  const idsOf = (file) => {
    if (!ids.has(file))
      ids.set(file, new Set([...readFileSync(file, "utf8").matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)));
    return ids.get(file);
  };
  const broken = [];
  for (const { page, href, path, fragment } of linksOf(outDir)) {
    const file = path === "" || path.endsWith("/") ? join(outDir, path, "index.html") : join(outDir, path);
    if (!existsSync(file) || statSync(file).isDirectory()) broken.push(`${page}: ${href}`);
    else if (fragment && file.endsWith(".html") && !idsOf(file).has(fragment))
      broken.push(`${page}: ${href}, which has no such heading`);
  }
  return broken;
}
