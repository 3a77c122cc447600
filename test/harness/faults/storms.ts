import type { Rule } from "./fault.js";

const LAUNCHES = ["RunInstances", "CreateVolume", "AttachVolume"];
const ENDS = ["TerminateInstances", "DeleteVolume"];
const CHANGES = [...LAUNCHES, ...ENDS, "ChangeResourceRecordSets"];

/** How the provider misbehaves, by name. */
export const STORMS: Readonly<Record<string, readonly Rule[]>> = {
  "throttles everything": [{ kind: "throttle", probability: 0.6 }],
  "throttles launches and ends": [{ kind: "throttle", action: CHANGES, probability: 0.9 }],
  "answers 500": [{ kind: "error", probability: 0.4 }],
  "answers nothing but 500": [{ kind: "error" }],
  "loses requests": [{ kind: "drop_before", action: CHANGES, probability: 0.6 }],
  "loses replies": [{ kind: "drop_after", action: CHANGES, probability: 0.6 }],
  "loses every reply to a launch": [{ kind: "drop_after", action: LAUNCHES }],
  "has no capacity": [{ kind: "capacity", probability: 0.8 }],
  "is slow": [{ kind: "latency", ms: 2_500 }],
  hangs: [{ kind: "latency", ms: 20_000, probability: 0.3 }],
  "says yes and ends nothing": [{ kind: "no_effect", action: ENDS, probability: 0.7 }],
  "hides what is there": [{ kind: "hidden", probability: 0.4 }],
  "loses a page": [{ kind: "page", probability: 0.5 }],
  "fails launches later": [{ kind: "launch_failure", probability: 0.6 }],
  "is stuck shutting down": [{ kind: "stuck", state: "shutting-down" }],
  "is stuck pending": [{ kind: "stuck", state: "pending" }],
  "is stuck attaching": [{ kind: "stuck", state: "attaching" }],
  "refuses to end instances": [
    { kind: "error", action: "TerminateInstances", code: "OperationNotPermitted" },
  ],
};
