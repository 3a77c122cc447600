import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { tags } from "./openapi.mjs";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** What a page calls itself. */
function titleOf(page) {
  return /^# (.*)$/m.exec(readFileSync(`${ROOT}/${page}`, "utf8"))[1].replaceAll("`", "");
}

const docs = (...names) => names.map((name) => `docs/${name}.md`);

const adrs = readdirSync(`${ROOT}/docs/adr`)
  .filter((name) => /^\d.*\.md$/.test(name))
  .map((name) => `docs/adr/${name}`);

/** By what a reader comes for: to learn, to do, to look up, to understand. Every page is in one of them. */
export const SECTIONS = [
  ["Tutorial", ["README.md", ...docs("console")]],
  [
    "How to",
    docs(
      "deployment",
      "kubernetes",
      "ec2",
      "places",
      "upgrades",
      "backups",
      "webhooks",
      "moving",
      "quotas",
      "policy",
      "alerts",
    ),
  ],
  [
    "Reference",
    [
      ...docs("cli", "client", "configuration", "operations", "events", "lists", "logs", "limits", "sweeps"),
      ...docs("metrics", "support"),
      "apps/cli/README.md",
      "packages/client/README.md",
      "packages/ec2-simulator/README.md",
      "CHANGELOG.md",
    ],
  ],
  [
    "Explanation",
    [
      "ARCHITECTURE.md",
      ...docs("reliability", "model", "outages", "security", "engines", "facts", "ec2-facts", "benchmarks"),
      "docs/benchmarks/results.md",
      "findings/README.md",
      "CONTRIBUTING.md",
    ],
  ],
].map(([text, pages]) => ({
  text,
  items: pages.map((page) => ({
    page,
    text: page === "README.md" ? "First calls" : titleOf(page),
    link: page === "README.md" ? "/" : `/${page.replace(/\.md$/, "")}`,
  })),
}));

export function sidebar() {
  const api = tags().map(({ name }) => ({ text: name, link: `/api/${name}` }));
  const decisions = adrs.map((page) => ({ text: titleOf(page), link: `/${page.replace(/\.md$/, "")}` }));
  return SECTIONS.map(({ text, items }) => ({
    text,
    collapsed: false,
    items: [
      ...items,
      ...(text === "Reference" ? [{ text: "REST API", collapsed: true, items: api }] : []),
      ...(text === "Explanation" ? [{ text: "Decisions", collapsed: true, items: decisions }] : []),
    ],
  }));
}
