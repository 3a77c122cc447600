import { inject } from "vitest";
import { testFleet } from "./whole-fleet.js";

testFleet("process", 1_000);
if (inject("docker") !== null) testFleet("docker", 1_000);
