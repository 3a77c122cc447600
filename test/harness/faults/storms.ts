/** A fault of the EC2 simulator, as its control API takes it. */
interface Rule {
  kind: string;
  action?: readonly string[] | string;
  probability?: number;
  code?: string;
  ms?: number;
  state?: string;
}

export interface Storm {
  rules: readonly Rule[];
  /** For how long what is made meanwhile isn't seen. Less than BERTH_EC2_SETTLE_MS: that is what it is for. */
  visibilityMs?: number;
}

/**
 * For how long what makes something may be held back, by the provider or on the way to it: less than BERTH_EC2_SETTLE_MS, since a
 * caller that is frozen doesn't hang up, and what is carried out later than that for nobody is more than Berth can know of.
 */
export const HELD_BACK_MS = 3_000;

/** When there is no storm. */
export const VISIBILITY_MS = 500;

const LAUNCHES = ["RunInstances", "CreateVolume", "AttachVolume"];
const ENDS = ["TerminateInstances", "DeleteVolume"];
const MAKES = [...LAUNCHES, "ChangeResourceRecordSets"];
const CHANGES = [...MAKES, ...ENDS];

/** No launch of any type in any zone succeeds. */
export const DROUGHT: Storm = { rules: [{ kind: "capacity" }] };

/** How the provider misbehaves, by name. */
export const STORMS: Readonly<Record<string, Storm>> = {
  "throttles everything": { rules: [{ kind: "throttle", probability: 0.6 }] },
  "throttles launches and ends": { rules: [{ kind: "throttle", action: CHANGES, probability: 0.9 }] },
  "answers 500": { rules: [{ kind: "error", probability: 0.4 }] },
  "answers nothing but 500": { rules: [{ kind: "error" }] },
  "loses requests": { rules: [{ kind: "drop_before", action: CHANGES, probability: 0.6 }] },
  "loses replies": { rules: [{ kind: "drop_after", action: CHANGES, probability: 0.6 }] },
  "loses every reply to a launch": { rules: [{ kind: "drop_after", action: LAUNCHES }] },
  "has no capacity": { rules: [{ kind: "capacity", probability: 0.8 }] },
  "is slow": { rules: [{ kind: "latency", ms: 2_500 }] },
  hangs: {
    rules: [
      { kind: "latency", ms: 20_000, probability: 0.3, action: ["Describe*", "Get*", "List*", ...ENDS] },
      { kind: "latency", ms: HELD_BACK_MS, probability: 0.3, action: MAKES },
    ],
  },
  "says yes and ends nothing": { rules: [{ kind: "no_effect", action: ENDS, probability: 0.7 }] },
  "shows what is new late": { rules: [], visibilityMs: 3_000 },
  "loses a page": { rules: [{ kind: "page", probability: 0.5 }] },
  "fails launches later": { rules: [{ kind: "launch_failure", probability: 0.6 }] },
  "is stuck shutting down": { rules: [{ kind: "stuck", state: "shutting-down" }] },
  "is stuck pending": { rules: [{ kind: "stuck", state: "pending" }] },
  "is stuck attaching": { rules: [{ kind: "stuck", state: "attaching" }] },
  "refuses to end instances": {
    rules: [{ kind: "error", action: "TerminateInstances", code: "OperationNotPermitted" }],
  },
};
