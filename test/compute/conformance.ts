import { afterAll, afterEach, beforeAll, describe, expect } from "vitest";
import { describeDoubt } from "./conformance/doubt.js";
import { type BackendHarness, type Bench, openBench } from "./conformance/harness.js";
import { describeLaunch } from "./conformance/launch.js";
import { describeOwnership } from "./conformance/ownership.js";
import { describeProbe } from "./conformance/probe.js";
import { describePrograms } from "./conformance/programs.js";
import { describeStop } from "./conformance/stop.js";
import { describeVolumes } from "./conformance/volumes.js";

/** Holds a backend to the contract of `packages/core/src/compute/backend.ts`, on a real provider. */
export function describeBackend(name: string, makeHarness: () => Promise<BackendHarness>): void {
  describe(`backend ${name}`, () => {
    let bench: Bench | undefined;
    const use = (): Bench => {
      if (bench === undefined) throw new Error("the bench is opened before the tests");
      return bench;
    };
    beforeAll(async () => {
      bench = openBench(await makeHarness());
    });
    afterEach(async () => {
      await use().clear();
      expect(await use().backend.listOwned(use().call), "left by the test").toEqual([]);
    });
    afterAll(async () => {
      await bench?.close();
    });

    describeVolumes(use);
    describeLaunch(use);
    describeStop(use);
    describeProbe(use);
    describeOwnership(use);
    describeDoubt(use);
    describePrograms(use);
  });
}
