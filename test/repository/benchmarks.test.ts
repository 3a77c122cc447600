import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { CASES } from "../bench/all.js";
import { kept, pages } from "../bench/frame/report.js";

it("the README's table, the page of results and its pictures say what was measured", async () => {
  const results = await kept(CASES.map(({ name }) => name));
  const written = await pages(results);
  for (const [name, text] of Object.entries(written))
    expect(await readFile(new URL(`../../${name}`, import.meta.url), "utf8"), name).toBe(text);
});
