import { describeBackend } from "../conformance.js";
import { ec2Harness } from "./harness.js";

describeBackend("ec2", ec2Harness);
