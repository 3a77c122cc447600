import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files that start whole Berths come first, then as vitest has it: the longest by the last run, and the largest where
 * none is known. In a fresh clone the smallest file, one of the longest, was begun last.
 */
export class WholeBerthsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // Vitest's own, no array's.
    // eslint-disable-next-line unicorn/no-array-sort
    const sorted = await super.sort(files);
    const first = ({ moduleId }: TestSpecification): boolean => /\/test\/(?:e2e|demo)\//.test(moduleId);
    return [...sorted.filter(first), ...sorted.filter((file) => !first(file))];
  }
}
