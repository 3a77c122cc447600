import { describe } from "vitest";
import { describeDoubt } from "./conformance/doubt.js";
import { type BackendHarness, useBench } from "./conformance/harness.js";
import { describeIdentity } from "./conformance/identity.js";
import { describeLaunch } from "./conformance/launch.js";
import { describeOwnership } from "./conformance/ownership.js";
import { describeProbe } from "./conformance/probe.js";
import { describePrograms } from "./conformance/programs.js";
import { describeStop } from "./conformance/stop.js";
import { describeVolumes } from "./conformance/volumes.js";

/** Holds a backend to the contract of `packages/core/src/compute/backend.ts`, on a real provider. */
export function describeBackend(name: string, makeHarness: () => Promise<BackendHarness>): void {
  describe(`backend ${name}`, () => {
    const use = useBench(makeHarness);
    describeIdentity(use);
    describeVolumes(use);
    describeLaunch(use);
    describeStop(use);
    describeProbe(use);
    describeOwnership(use);
    describeDoubt(use);
    describePrograms(use);
  });
}
