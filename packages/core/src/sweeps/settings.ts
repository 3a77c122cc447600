import type { Config } from "../config/config.js";
import { BACKENDS, computeOf } from "../domain/backend.js";
import { SWEEP_NAMES, type SweepName } from "../domain/sweep.js";
import type { SweepSettings } from "./sweep.js";

/** How often each sweep runs, in ms. */
export function intervalsOf(config: Config): Record<SweepName, number> {
  return Object.fromEntries(SWEEP_NAMES.map((name) => [name, config[`everyMs:${name}`]])) as Record<
    SweepName,
    number
  >;
}

/** One look at the instances of a fleet must not outlast the interval of looks. */
const PROBE_TIMEOUT_MS = 10_000;

const DAY_MS = 86_400_000;

export function settingsOf(config: Config): SweepSettings {
  const grace = { machine: config.leakGraceMs, cloud: config.leakGraceEc2Ms };
  return {
    breaker: { share: config.breakerPercent / 100, least: config.breakerLeast },
    dryRun: config.sweepsDryRun ?? [],
    paused: config.sweepsPaused ?? [],
    graceMs: Object.fromEntries(BACKENDS.map((name) => [name, grace[computeOf(name)?.grace ?? "cloud"]])),
    volumeGraceMs: config.leakVolumeGraceDays * DAY_MS,
    secondSightingMs: config.secondSightingMs,
    probeTimeoutMs: PROBE_TIMEOUT_MS,
    restartsAtOnce: config.restartsAtOnce,
    silentMs: config.agentSilentMs,
    listeningGraceMs: config.agentGraceMs,
    provisioningTimeoutMs: config.provisioningTimeoutMs,
    expiryNoticeMs: config.expiryNoticeMs,
    keepDays: {
      operations: config.keepOperationsDays,
      events: config.keepEventsDays,
      audit: config.keepAuditDays,
      ledger: config.keepLedgerDays,
    },
  };
}
