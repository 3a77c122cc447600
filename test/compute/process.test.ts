import { describeBackend } from "./conformance.js";
import { processHarness } from "./process-harness.js";

describeBackend("process", processHarness);
