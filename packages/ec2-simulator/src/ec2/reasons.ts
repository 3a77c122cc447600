import type { StateReason } from "./instance.js";

/** StateReason by cause (docs/ec2-facts.md, Spot). */
const REASONS = {
  starting: { code: "pending", message: "pending" },
  user_stop: {
    code: "Client.UserInitiatedShutdown",
    message: "Client.UserInitiatedShutdown: User initiated shutdown",
  },
  user_terminate: {
    code: "Client.UserInitiatedShutdown",
    message: "Client.UserInitiatedShutdown: User initiated shutdown",
  },
  os_shutdown: {
    code: "Client.InstanceInitiatedShutdown",
    message: "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
  },
  spot_termination: {
    code: "Server.SpotInstanceTermination",
    message: "Server.SpotInstanceTermination: Spot instance termination",
  },
  spot_shutdown: {
    code: "Server.SpotInstanceShutdown",
    message: "Server.SpotInstanceShutdown: Spot instance shutdown",
  },
} as const satisfies Record<string, StateReason>;

/** Why an instance changes its state. */
export type Cause = keyof typeof REASONS;

const LAUNCH_FAILURES: Readonly<Record<string, string>> = {
  "Server.InternalError": "Internal error on launch",
  "Server.InsufficientInstanceCapacity": "Insufficient capacity to satisfy the request",
  "Client.VolumeLimitExceeded": "Volume limit exceeded",
};

export function reasonFor(cause: Cause): StateReason {
  return REASONS[cause];
}

/** Why a launch failed after it had been accepted. */
export function launchFailure(code = "Server.InternalError"): StateReason {
  return { code, message: `${code}: ${LAUNCH_FAILURES[code] ?? "Launch failed"}` };
}

/** The `reason` element of an instance that a user stopped or terminated. */
export function userInitiated(at: number): string {
  return `User initiated (${new Date(at).toISOString().slice(0, 19).replace("T", " ")} GMT)`;
}
