import { describe, inject } from "vitest";
import { describeBackend } from "../conformance.js";
import { dockerHarness } from "./harness.js";

const daemon = inject("docker");

describe.skipIf(daemon === null)("with a Docker daemon (needs Linux and root)", () => {
  describeBackend("docker", () => dockerHarness(daemon?.socketPath ?? ""));
});
