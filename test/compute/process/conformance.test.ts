import { describeBackend } from "../conformance.js";
import { processHarness } from "./harness.js";

describeBackend("process", processHarness);
