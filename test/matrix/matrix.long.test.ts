import { writeFile } from "node:fs/promises";
import { format, resolveConfig } from "prettier";
import { describe, it } from "vitest";
import { expectPromises } from "./promises.js";
import { ROWS } from "./rows.js";
import { type Result, supportPage } from "./support-page.js";

/** `npm run matrix` sets it: then all rows are run, and docs/support.md is written. Its value picks rows by their names. */
const WANTED = process.env["BERTH_TEST_MATRIX"];
const PAGE = new URL("../../docs/support.md", import.meta.url);

const rows = ROWS.filter(({ what, quick }) => (WANTED === undefined ? quick : new RegExp(WANTED).test(what)));

describe("what Berth promises (create, storm, kill -9, flush or failover, wait, stream, logs, cascade)", () => {
  it.each(rows)(
    "holds on $what",
    async ({ what, start }) => {
      const result: Result = { what, version: "?", passed: false, remarks: [] };
      try {
        const ground = await start();
        result.version = ground.version;
        result.remarks = await expectPromises(ground);
        result.passed = true;
      } finally {
        if (WANTED !== undefined) await writeFile(PAGE, await formatted(await supportPage(PAGE, result)));
      }
    },
    300_000,
  );
});

async function formatted(page: string): Promise<string> {
  return format(page, { ...(await resolveConfig(PAGE)), parser: "markdown" });
}
