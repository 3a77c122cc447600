import { readFile } from "node:fs/promises";

/** Of one row of the table. */
export interface Result {
  what: string;
  version: string;
  passed: boolean;
  remarks: string[];
}

const HEAD = `# What Berth runs on

\`npm run matrix\` has written this page: it starts each of these (PostgreSQL and Node as npm has them, the rest from Debian's
packages, unpacked into a folder where they are of another release), runs the API and two workers on it, and holds them to what Berth promises: creates with children, 20 restarts at once, a
worker killed in the middle, what the last column says, a program that dies, waits, a stream in order, logs, a delete of all that leaves nothing, SIGTERM.

Other releases may work; these are the ones that were tried. [Container engines](engines.md) has more of those.

| what | version | date | passed | with |
| --- | --- | --- | --- | --- |
`;
const ROW = /^\| (.+?) +\| (\S+) +\| (\S+) +\| (yes|no) +\| (.*?) +\|$/gm;

/** The page with this row new, and those of earlier runs as they were. */
export async function supportPage(page: URL, { what, version, passed, remarks }: Result): Promise<string> {
  const date = new Date().toISOString().slice(0, 10);
  const before = await readFile(page, "utf8").catch(() => "");
  const rows = new Map([...before.matchAll(ROW)].map(([, name, ...rest]) => [name!, rest]));
  rows.set(what, [version, date, passed ? "yes" : "no", remarks.join("; ") || "–"]);
  const lines = [...rows].map(([name, rest]) => `| ${[name, ...rest].join(" | ")} |`);
  return `${HEAD}${lines.join("\n")}\n`;
}
