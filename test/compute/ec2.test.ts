import { describeBackend } from "./conformance.js";
import { ec2Harness } from "./ec2-harness.js";

describeBackend("ec2", ec2Harness);
