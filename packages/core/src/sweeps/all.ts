import { bulk } from "./bulk.js";
import { dispatch } from "./dispatch.js";
import { expiry } from "./expiry.js";
import { idleHibernation } from "./idle-hibernation.js";
import { instanceState } from "./instance-state.js";
import { liveness } from "./liveness.js";
import { provisioningTimeout } from "./provisioning-timeout.js";
import { removedInstances } from "./removed-instances.js";
import { retention } from "./retention.js";
import type { Sweep } from "./sweep.js";
import { unclaimed } from "./unclaimed.js";

/** What containers, processes and volumes of this machine's kind nobody claims. */
export const dockerOrphans = unclaimed("docker-orphans", ["docker", "process"], 60_000);
/** EC2 instances and volumes that nobody claims, with their names. */
export const leakedInstances = unclaimed("leaked-instances", ["ec2"], 120_000);

/** Every sweep there is. */
export const SWEEPS: readonly Sweep[] = [
  dispatch,
  bulk,
  removedInstances,
  dockerOrphans,
  leakedInstances,
  instanceState,
  liveness,
  provisioningTimeout,
  idleHibernation,
  expiry,
  retention,
];
