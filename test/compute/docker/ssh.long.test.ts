import { afterAll, beforeAll, describe, inject } from "vitest";
import { startSshd, type TestSshd } from "../../support/sshd.js";
import { describeBackend } from "../conformance.js";
import { dockerHarness } from "./harness.js";

const daemon = inject("docker");

describe.skipIf(daemon === null)("with a Docker daemon over SSH (needs Linux and root)", () => {
  let sshd: TestSshd;
  beforeAll(async () => {
    sshd = await startSshd("docker-b");
  });
  afterAll(() => sshd[Symbol.asyncDispose]());
  describeBackend("docker", () => dockerHarness(daemon?.socketPath ?? "", undefined, sshd));
});
