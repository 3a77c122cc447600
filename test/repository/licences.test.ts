import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { HERE } from "../support/deployment.js";

/** What lets us, and whoever runs Berth, do as we do; with MPL-2.0 a changed file stays open. */
const ALLOWED =
  /^\(?(MIT|MIT-0|ISC|Apache-2\.0|BSD-2-Clause|BSD-3-Clause|0BSD|BlueOak-1\.0\.0|MPL-2\.0|CC0-1\.0|Unlicense|Python-2\.0|CC-BY-4\.0|PSF-2\.0)( (OR|AND) [\w.-]+)*\)?$/;

/** Their LICENSE is MIT's; their package.json says it in a form that npm no longer reads. */
const UNSAID = ["node_modules/ssh2", "node_modules/cpu-features", "node_modules/buildcheck"];

/** The repository's own, and those of tools that are installed beside it. */
const LOCKFILES = ["package-lock.json", "docs/site/package-lock.json", "deploy/tools/package-lock.json"];

it.each(LOCKFILES)(
  "each package of %s has a licence that we may use, and is fixed by its hash",
  (lockfile) => {
    const { packages } = JSON.parse(readFileSync(join(HERE, lockfile), "utf8")) as {
      packages: Record<string, { license?: string; integrity?: string; link?: boolean }>;
    };
    const installed = Object.entries(packages).filter(
      ([path, { link }]) => path.includes("node_modules/") && link !== true,
    );
    expect(installed.length).toBeGreaterThan(20);
    const wrong = installed.filter(
      ([path, { license, integrity }]) =>
        integrity === undefined ||
        !ALLOWED.test(license ?? (UNSAID.some((name) => path.endsWith(name)) ? "MIT" : "")),
    );
    expect(wrong.map(([path, { license }]) => `${path}: ${license ?? "no licence"}`)).toEqual([]);
  },
);
