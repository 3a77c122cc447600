/** How the fleet is set, where that isn't Berth's default: what takes minutes takes seconds. In ms. */
export const SETTINGS: Readonly<Record<string, string>> = {
  BERTH_BACKENDS: "docker,ec2,process,external",
  // The daemon has no bridge: its containers reach the fleet by the host's loopback.
  BERTH_DOCKER_NETWORK: "host",
  BERTH_CONCURRENCY: "5",
  // So that some are exhausted.
  BERTH_RETRY_ATTEMPTS: "3",
  BERTH_RETRY_MAX_DELAY_MS: "8000",
  BERTH_ATTEMPT_TIMEOUT_MS: "60000",
  BERTH_START_TIMEOUT_MS: "20000",
  BERTH_STOP_GRACE_MS: "4000",
  BERTH_CALL_TIMEOUT_MS: "8000",
  BERTH_EC2_IMAGE: "ami-0123456789abcdef0",
  BERTH_EC2_SETTLE_MS: "4000",
  BERTH_EC2_API_PERCENT: "25",
  BERTH_EC2_HOSTED_ZONE_ID: "ZSIMULATOR",
  BERTH_EC2_DNS_SUFFIX: "ws.sim.example",
  BERTH_SWEEP_REMOVED_INSTANCES_EVERY_MS: "10000",
  BERTH_SWEEP_DOCKER_ORPHANS_EVERY_MS: "10000",
  BERTH_SWEEP_LEAKED_INSTANCES_EVERY_MS: "10000",
  BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "10000",
  BERTH_SWEEP_PROVISIONING_TIMEOUT_EVERY_MS: "10000",
  BERTH_LEAK_GRACE_MS: "20000",
  BERTH_LEAK_VOLUME_GRACE_DAYS: "0",
  BERTH_LEAK_GRACE_CLOUD_MS: "20000",
  BERTH_LEAK_SECOND_SIGHTING_MS: "5000",
  BERTH_AGENT_SILENT_MS: "20000",
  BERTH_AGENT_GRACE_MS: "30000",
  BERTH_PROVISIONING_TIMEOUT_MS: "45000",
  BERTH_RESTART_DEBOUNCE_MS: "5000",
  BERTH_AUTO_RESTART_LIMIT: "50",
  // Less than a daemon that restarts takes along: what must wait is said all the same.
  BERTH_RESTARTS_AT_ONCE: "3",
  LOG_LEVEL: "info",
};

/** Of which the auditor must know. */
export const AGENT_SILENT_MS = Number(SETTINGS["BERTH_AGENT_SILENT_MS"]);
