import { bulk } from "./bulk.js";
import { dispatch } from "./dispatch.js";
import { drain } from "./drain.js";
import { expiry } from "./expiry.js";
import { idleHibernation } from "./idle-hibernation.js";
import { instanceState } from "./instance-state.js";
import { liveness } from "./liveness.js";
import { provisioningTimeout } from "./provisioning-timeout.js";
import { removedInstances } from "./removed-instances.js";
import { retention } from "./retention.js";
import { SWEEP_NAMES, type SweepName } from "../domain/sweep.js";
import type { Sweep } from "./sweep.js";
import { unclaimed } from "./unclaimed.js";

/** The work of every sweep there is. */
const WORK: Readonly<Record<SweepName, Sweep>> = {
  dispatch,
  bulk,
  "removed-instances": removedInstances,
  // What of containers, processes and volumes of this machine's kind nobody claims.
  "docker-orphans": unclaimed("docker-orphans"),
  // EC2 instances and volumes that nobody claims, with their names.
  "leaked-instances": unclaimed("leaked-instances"),
  "instance-state": instanceState,
  liveness,
  "provisioning-timeout": provisioningTimeout,
  "idle-hibernation": idleHibernation,
  expiry,
  drain,
  retention,
};
export const SWEEPS: readonly Sweep[] = SWEEP_NAMES.map((name) => WORK[name]);
