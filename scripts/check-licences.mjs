// Reads the lockfile: which licences come with what Berth runs on, and whether all of them let it be passed on under Apache-2.0.
import { readFileSync } from "node:fs";

const ALLOWED = [
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "MIT-0",
  "Python-2.0",
  "Unlicense",
  "Zlib",
];
/** Their package.json names none; what their LICENSE file says. */
const BY_HAND = { buildcheck: "MIT", "cpu-features": "MIT", ssh2: "MIT" };

const { packages } = JSON.parse(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8"));
const of = new Map();
for (const [path, { license, dev, link }] of Object.entries(packages)) {
  if (dev || link || !path.includes("node_modules/")) continue;
  const name = path.slice(path.lastIndexOf("node_modules/") + 13);
  const found = license ?? BY_HAND[name] ?? "none";
  of.set(found, [...(of.get(found) ?? []), name]);
}
const fine = (licence) =>
  licence
    .replace(/[()]/g, "")
    .split(" OR ")
    .some((one) => one.split(" AND ").every((each) => ALLOWED.includes(each)));
let failed = false;
for (const [licence, names] of [...of].toSorted((a, b) => b[1].length - a[1].length)) {
  if (fine(licence)) console.log(`${licence}: ${names.length}`);
  else console.error(`${licence}: may it be passed on? ${names.join(", ")}`);
  failed ||= !fine(licence);
}
process.exitCode = failed ? 1 : 0;
