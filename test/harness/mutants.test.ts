import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MUTANTS } from "./mutants/list.js";

const ROOT = new URL("../../", import.meta.url);

describe("a deliberate defect", () => {
  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    "%s: is made at one place, and known to files that are there",
    (_, { file, find, replace, tests = [] }) => {
      const found = readFileSync(new URL(file, ROOT), "utf8").split(find).length - 1;
      expect(found, `times that ${file} holds: ${find}`).toBe(1);
      expect(replace).not.toBe(find);
      for (const test of tests) expect(existsSync(new URL(test, ROOT)), test).toBe(true);
    },
  );

  it("has a name of its own", () => {
    const names = MUTANTS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
