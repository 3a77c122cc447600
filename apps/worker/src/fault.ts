import type { Config } from "@berth/core/config/config";
import type { WorkerDeps } from "./start.js";

/** A hook that kills this process with SIGKILL at the step that BERTH_FAULT_AT_STEP names; for tests only. */
export function faultAtStep(fault: Config["faultAtStep"]): WorkerDeps["onStep"] {
  if (fault === null) return undefined;
  return (operation, step, moment) => {
    if (operation.kind === fault.kind && step === fault.step && moment === fault.when)
      process.kill(process.pid, "SIGKILL");
  };
}
