import type { Config } from "../config/config.js";
import type { SweepName } from "../domain/sweep.js";
import type { SweepSettings } from "./sweep.js";

/** How often each sweep runs, in ms. */
export function intervalsOf(config: Config): Record<SweepName, number> {
  return {
    dispatch: config.sweepDispatchEveryMs,
    bulk: config.sweepBulkEveryMs,
    "removed-instances": config.sweepRemovedInstancesEveryMs,
    "docker-orphans": config.sweepDockerOrphansEveryMs,
    "leaked-instances": config.sweepLeakedInstancesEveryMs,
    "instance-state": config.sweepInstanceStateEveryMs,
    liveness: config.sweepLivenessEveryMs,
    "provisioning-timeout": config.sweepProvisioningTimeoutEveryMs,
    "idle-hibernation": config.sweepIdleHibernationEveryMs,
    expiry: config.sweepExpiryEveryMs,
    retention: config.sweepRetentionEveryMs,
  };
}

/** One look at the instances of a fleet must not outlast the interval of looks. */
const PROBE_TIMEOUT_MS = 10_000;

export function settingsOf(config: Config): SweepSettings {
  return {
    breaker: { share: config.breakerPercent / 100, least: config.breakerLeast },
    dryRun: config.sweepsDryRun ?? [],
    paused: config.sweepsPaused ?? [],
    graceMs: { docker: config.leakGraceMs, process: config.leakGraceMs, ec2: config.leakGraceEc2Ms },
    secondSightingMs: config.secondSightingMs,
    probeTimeoutMs: PROBE_TIMEOUT_MS,
    silentMs: config.agentSilentMs,
    listeningGraceMs: config.agentGraceMs,
    provisioningTimeoutMs: config.provisioningTimeoutMs,
    expiryNoticeMs: config.expiryNoticeMs,
    keepDays: {
      operations: config.keepOperationsDays,
      events: config.keepEventsDays,
      ledger: config.keepLedgerDays,
    },
  };
}
