import { inject, test } from "vitest";
import { describeBackend } from "./conformance.js";
import { dockerHarness } from "./docker-harness.js";

const daemon = inject("docker");
if (daemon === null)
  test.skip("a private Docker daemon needs Linux and root: nothing of docker is tested here");
else describeBackend("docker", () => dockerHarness(daemon.socketPath));
