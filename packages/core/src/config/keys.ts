import { EC2_LIMITS, EC2_TEXTS } from "../domain/ec2-spec.js";
import { BACKENDS } from "../domain/backend.js";
import { SWEEP_NAMES, SWEEP_RULES, type SweepName } from "../domain/sweep.js";
import {
  databaseUrl as databaseUrlKind,
  fault,
  integer,
  type Kind,
  listOf,
  matching,
  milliseconds,
  networks,
  oneOf,
  path,
  redisUrl,
  textsOf,
  url,
} from "./kinds.js";

export type Role = "api" | "worker" | "standalone";

export interface Key<T> {
  env: string;
  kind: Kind<T & {}>;
  /** As one would write it in the environment; null: it may stay unset. */
  fallback: string | null | Readonly<Record<Role, string>>;
  requiredBy: readonly Role[];
  /** Its value never gets into a message. */
  secret: boolean;
}

function key<T>(env: string, kind: Kind<T & {}>, fallback: string | Readonly<Record<Role, string>>): Key<T> {
  return { env, kind, fallback, requiredBy: [], secret: false };
}

function optional<T>(
  env: string,
  kind: Kind<T & {}>,
  { requiredBy = [], secret = false }: { requiredBy?: readonly Role[]; secret?: boolean } = {},
): Key<T | null> {
  return { env, kind: kind as Kind<(T | null) & {}>, fallback: null, requiredBy, secret };
}

export function ec2Text(name: keyof typeof EC2_TEXTS): Kind<string> {
  return matching(new RegExp(EC2_TEXTS[name].pattern, "u"), EC2_TEXTS[name].expected);
}

export function ec2Texts(name: keyof typeof EC2_TEXTS, expected: string): Kind<readonly string[]> {
  return textsOf(new RegExp(EC2_TEXTS[name].pattern, "u"), expected);
}

/** How often each sweep runs: `BERTH_SWEEP_DOCKER_ORPHANS_EVERY_MS` for `docker-orphans`. */
function sweepIntervals(): { [N in SweepName as `everyMs:${N}`]: Key<number> } {
  const entries = SWEEP_NAMES.map((name) => {
    const env = `BERTH_SWEEP_${name.toUpperCase().replaceAll("-", "_")}_EVERY_MS`;
    return [`everyMs:${name}`, key(env, milliseconds(), String(SWEEP_RULES[name].everyMs))] as const;
  });
  return Object.fromEntries(entries) as ReturnType<typeof sweepIntervals>;
}

// As it calls itself: some end with a slash, and without it they are another.
const issuer: Kind<string> = {
  expected: "a URL of http or https, as the provider calls itself",
  parse: (text) => (/^https?:\/\/\S+$/.test(text) && URL.canParse(text) ? text : undefined),
};
const user: Kind<{ uid: number; gid: number }> = {
  expected: "a uid above 0, with :gid if that is another, such as 2000:2000",
  parse: (text) => {
    const [, uid, gid = uid] = /^([1-9]\d{0,8})(?::([1-9]\d{0,8}))?$/.exec(text) ?? [];
    return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
  },
};
const rootKey = matching(/^[\x21-\x7e]{16,}$/, "16 or more visible ASCII characters");

/** Every key there is. docs/configuration.md says what each means, and a test compares the two. */
export const KEYS = {
  port: key("PORT", integer(0, 65_535), "8080"),
  host: key("HOST", matching(/^\S+$/, "an address or host name"), {
    api: "0.0.0.0",
    worker: "0.0.0.0",
    standalone: "127.0.0.1",
  }),
  agentsPort: optional("BERTH_AGENTS_PORT", integer(0, 65_535)),
  agentsHost: optional("BERTH_AGENTS_HOST", matching(/^\S+$/, "an address or host name")),
  agentsUrl: optional("BERTH_AGENTS_URL", url("http", "https")),
  workerPort: optional("BERTH_WORKER_PORT", integer(0, 65_535)),
  databaseUrl: optional("DATABASE_URL", databaseUrlKind, {
    requiredBy: ["api", "worker"],
    secret: true,
  }),
  databaseListenUrl: optional("DATABASE_LISTEN_URL", databaseUrlKind, { secret: true }),
  redisUrl: optional("REDIS_URL", redisUrl, { secret: true }),
  redisCa: optional("BERTH_REDIS_CA", path),
  dataDir: key("BERTH_DATA_DIR", path, ".berth"),
  adminKey: optional("BERTH_ADMIN_KEY", rootKey, { requiredBy: ["api"], secret: true }),
  adminKeyPrevious: optional("BERTH_ADMIN_KEY_PREVIOUS", rootKey, { secret: true }),
  keyMaxDays: optional("BERTH_KEY_MAX_DAYS", integer(1, 36_500, " of days")),
  secret: optional("BERTH_SECRET", matching(/^.{32,}$/, "32 or more characters"), {
    requiredBy: ["worker"],
    secret: true,
  }),
  secretsDir: optional("BERTH_SECRETS_DIR", path),
  secretsEnvPrefix: optional(
    "BERTH_SECRETS_ENV_PREFIX",
    matching(
      /^(?!BERTH|AWS|DATABASE|REDIS)[A-Za-z_][A-Za-z0-9_]{3,63}$/,
      "4 to 64 of A-Z, a-z, 0-9 and _, and none that Berth's own settings begin with",
    ),
  ),
  // Below /aws/ is what AWS itself gives out, and Parameter Store's own way to every secret of Secrets Manager.
  secretsAwsPrefix: optional(
    "BERTH_SECRETS_AWS_PREFIX",
    matching(
      /^(?!\/*aws(?![a-z0-9]))[A-Za-z0-9/_.+=@-]{4,128}$/i,
      "4 to 128 of A-Z, a-z, 0-9 and /_.+=@-, and not /aws",
    ),
  ),
  deploymentId: key(
    "BERTH_DEPLOYMENT_ID",
    matching(/^[a-z0-9-]{1,32}$/, "1 to 32 of a-z, 0-9 and -"),
    "berth",
  ),
  publicUrl: optional("BERTH_PUBLIC_URL", url("http", "https")),
  backend: optional("BERTH_BACKEND", oneOf(BACKENDS)),
  backends: optional("BERTH_BACKENDS", listOf(BACKENDS)),
  placesFile: optional("BERTH_PLACES_FILE", path),
  policyFile: optional("BERTH_POLICY_FILE", path),
  oidcIssuer: optional("BERTH_OIDC_ISSUER", issuer),
  oidcClientId: optional("BERTH_OIDC_CLIENT_ID", matching(/^[\x20-\x7e]{1,256}$/, "the id of a client")),
  oidcClientSecret: optional("BERTH_OIDC_CLIENT_SECRET", matching(/^.{1,1024}$/, "the secret of a client"), {
    secret: true,
  }),
  oidcFile: optional("BERTH_OIDC_FILE", path),
  processUser: optional("BERTH_PROCESS_USER", user),
  dockerHost: optional("DOCKER_HOST", url("unix", "tcp", "http", "https", "ssh")),
  dockerNetwork: optional(
    "BERTH_DOCKER_NETWORK",
    matching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/, "the name of a Docker network"),
  ),
  dockerPullTimeoutMs: key("BERTH_DOCKER_PULL_TIMEOUT_MS", milliseconds(), "600000"),
  dockerPullStallMs: key("BERTH_DOCKER_PULL_STALL_MS", milliseconds(), "45000"),
  ec2Image: optional("BERTH_EC2_IMAGE", ec2Text("image_id")),
  ec2LaunchTemplate: optional("BERTH_EC2_LAUNCH_TEMPLATE", ec2Text("launch_template")),
  ec2InstanceTypes: optional("BERTH_EC2_INSTANCE_TYPES", ec2Texts("instance_type", "instance types")),
  ec2Subnets: optional("BERTH_EC2_SUBNETS", ec2Texts("subnet_id", "subnets")),
  ec2SecurityGroups: optional("BERTH_EC2_SECURITY_GROUPS", ec2Texts("security_group_id", "security groups")),
  ec2InstanceProfile: optional("BERTH_EC2_INSTANCE_PROFILE", ec2Text("instance_profile")),
  ec2VolumeGb: key("BERTH_EC2_VOLUME_GB", integer(1, EC2_LIMITS.volumeGb, " of GiB"), "20"),
  ec2VolumeType: key("BERTH_EC2_VOLUME_TYPE", oneOf(["gp3", "gp2"]), "gp3"),
  ec2AgentCommand: optional(
    "BERTH_EC2_AGENT_COMMAND",
    matching(/^[^\n\0]{1,4096}$/, "one line for the shell"),
  ),
  ec2Address: key("BERTH_EC2_ADDRESS", oneOf(["private", "public"]), "private"),
  ec2Url: optional(
    "BERTH_EC2_URL",
    matching(/^https?:\/\/\{host\}[^\s{}]*$/, "a URL such as http://{host}:8080"),
  ),
  ec2HostedZoneId: optional(
    "BERTH_EC2_HOSTED_ZONE_ID",
    matching(/^Z[A-Z0-9]{1,31}$/, "the id of a hosted zone"),
  ),
  ec2DnsSuffix: optional(
    "BERTH_EC2_DNS_SUFFIX",
    matching(/^(?=.{1,190}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$/, "a domain name such as ws.example.com"),
  ),
  ec2SettleMs: key("BERTH_EC2_SETTLE_MS", milliseconds(), "60000"),
  ec2AbsenceMs: key("BERTH_EC2_ABSENCE_MS", milliseconds(), "7200000"),
  ec2ApiPercent: key("BERTH_EC2_API_PERCENT", integer(1, 100, " of percent"), "50"),
  queuePrefix: key(
    "BERTH_QUEUE_PREFIX",
    matching(/^[\x21-\x7e]{1,64}$/, "1 to 64 visible characters"),
    "{berth}",
  ),
  concurrency: key("BERTH_CONCURRENCY", integer(1, 1_000), "10"),
  leaseMs: key("BERTH_LEASE_MS", milliseconds(), "8000"),
  lockMs: key("BERTH_LOCK_MS", milliseconds(), "6000"),
  stalledEveryMs: key("BERTH_STALLED_EVERY_MS", milliseconds(), "2000"),
  parkMs: key("BERTH_PARK_MS", milliseconds(), "60000"),
  retryAttempts: key("BERTH_RETRY_ATTEMPTS", integer(1, 100), "5"),
  retryDelayMs: key("BERTH_RETRY_DELAY_MS", milliseconds(), "1000"),
  retryMaxDelayMs: key("BERTH_RETRY_MAX_DELAY_MS", milliseconds(), "30000"),
  attemptTimeoutMs: key("BERTH_ATTEMPT_TIMEOUT_MS", milliseconds(), "600000"),
  startTimeoutMs: key("BERTH_START_TIMEOUT_MS", milliseconds(), "120000"),
  stopGraceMs: key("BERTH_STOP_GRACE_MS", milliseconds(0), "10000"),
  callTimeoutMs: key("BERTH_CALL_TIMEOUT_MS", milliseconds(), "30000"),
  shutdownGraceMs: key("BERTH_SHUTDOWN_GRACE_MS", milliseconds(0), "20000"),
  ...sweepIntervals(),
  expiryNoticeMs: key("BERTH_EXPIRY_NOTICE_MS", milliseconds(0), "900000"),
  sweepsPaused: optional("BERTH_SWEEPS_PAUSED", listOf(SWEEP_NAMES)),
  sweepsDryRun: optional("BERTH_SWEEPS_DRY_RUN", listOf(SWEEP_NAMES)),
  breakerPercent: key("BERTH_SWEEP_BREAKER_PERCENT", integer(0, 100, " of percent"), "20"),
  breakerLeast: key("BERTH_SWEEP_BREAKER_LEAST", integer(0, 1_000_000), "5"),
  leakGraceMs: key("BERTH_LEAK_GRACE_MS", milliseconds(), "120000"),
  leakGraceEc2Ms: key("BERTH_LEAK_GRACE_CLOUD_MS", milliseconds(), "300000"),
  leakVolumeGraceDays: key("BERTH_LEAK_VOLUME_GRACE_DAYS", integer(0, 10_000, " of days"), "7"),
  copyStaleMs: key("BERTH_COPY_STALE_MS", milliseconds(), "90000"),
  secondSightingMs: key("BERTH_LEAK_SECOND_SIGHTING_MS", milliseconds(0), "10000"),
  agentSilentMs: key("BERTH_AGENT_SILENT_MS", milliseconds(), "90000"),
  agentGraceMs: key("BERTH_AGENT_GRACE_MS", milliseconds(0), "180000"),
  provisioningTimeoutMs: key("BERTH_PROVISIONING_TIMEOUT_MS", milliseconds(), "600000"),
  restartDebounceMs: key("BERTH_RESTART_DEBOUNCE_MS", milliseconds(0), "30000"),
  autoRestartLimit: key("BERTH_AUTO_RESTART_LIMIT", integer(0, 1_000), "5"),
  autoRestartWindowMs: key("BERTH_AUTO_RESTART_WINDOW_MS", milliseconds(), "3600000"),
  restartsAtOnce: key("BERTH_RESTARTS_AT_ONCE", integer(1, 1_000), "20"),
  restartLongestPauseMs: key("BERTH_RESTART_LONGEST_PAUSE_MS", milliseconds(), "600000"),
  restartGiveUpMs: key("BERTH_RESTART_GIVE_UP_MS", milliseconds(), "86400000"),
  keepOperationsDays: key("BERTH_KEEP_OPERATIONS_DAYS", integer(1, 10_000, " of days"), "30"),
  keepEventsDays: key("BERTH_KEEP_EVENTS_DAYS", integer(1, 10_000, " of days"), "90"),
  keepAuditDays: key("BERTH_KEEP_AUDIT_DAYS", integer(2, 10_000, " of days"), "365"),
  keepLedgerDays: key("BERTH_KEEP_LEDGER_DAYS", integer(1, 10_000, " of days"), "30"),
  webhooksAllow: optional("BERTH_WEBHOOKS_ALLOW", networks),
  webhooksSchemes: key("BERTH_WEBHOOKS_SCHEMES", listOf(["https", "http"]), "https"),
  webhooksEveryMs: key("BERTH_WEBHOOKS_EVERY_MS", milliseconds(), "1000"),
  webhooksTimeoutMs: key("BERTH_WEBHOOKS_TIMEOUT_MS", milliseconds(), "10000"),
  webhooksAttempts: key("BERTH_WEBHOOKS_ATTEMPTS", integer(1, 100), "12"),
  webhooksRetryDelayMs: key("BERTH_WEBHOOKS_RETRY_DELAY_MS", milliseconds(), "5000"),
  webhooksRetryMaxDelayMs: key("BERTH_WEBHOOKS_RETRY_MAX_DELAY_MS", milliseconds(), "3600000"),
  pricesFile: optional("BERTH_PRICES_FILE", path),
  bodyLimitBytes: key("BERTH_BODY_LIMIT_BYTES", integer(1_024, 2 ** 30, " of bytes"), "1048576"),
  readsPerSecond: key("BERTH_LIMIT_READS_PER_S", integer(0, 1_000_000), "500"),
  writesPerSecond: key("BERTH_LIMIT_WRITES_PER_S", integer(0, 1_000_000), "200"),
  requestsAtOnce: key("BERTH_LIMIT_REQUESTS_AT_ONCE", integer(0, 100_000), "8"),
  badKeysPerMinute: key("BERTH_LIMIT_BAD_KEYS_PER_MIN", integer(0, 1_000_000), "30"),
  badTokensPerMinute: key("BERTH_LIMIT_BAD_TOKENS_PER_MIN", integer(0, 1_000_000), "600"),
  trustedProxies: optional("BERTH_TRUSTED_PROXIES", networks),
  corsOrigins: optional(
    "BERTH_CORS_ORIGINS",
    textsOf(/^(\*|https?:\/\/[^\s/,*]+)$/, "origins such as https://example.com, or *"),
  ),
  requestTimeoutMs: key("BERTH_REQUEST_TIMEOUT_MS", milliseconds(), "60000"),
  maxConnections: key("BERTH_MAX_CONNECTIONS", integer(1, 1_000_000), "20000"),
  maxStreams: key("BERTH_MAX_STREAMS", integer(1, 100_000), "1000"),
  logFollowers: key("BERTH_LOG_FOLLOWERS", integer(0, 100_000), "100"),
  logFollowMs: key("BERTH_LOG_FOLLOW_MS", milliseconds(), "900000"),
  maxLoopDelayMs: key("BERTH_OVERLOAD_LOOP_DELAY_MS", milliseconds(0), "1000"),
  maxPoolWaitMs: key("BERTH_OVERLOAD_POOL_WAIT_MS", milliseconds(0), "3000"),
  otlpEndpoint: optional("OTEL_EXPORTER_OTLP_ENDPOINT", url("http", "https")),
  otlpServiceName: optional("OTEL_SERVICE_NAME", matching(/./, "a name")),
  logLevel: key("LOG_LEVEL", oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"]), {
    api: "info",
    worker: "info",
    standalone: "warn",
  }),
  nodeEnv: key("NODE_ENV", matching(/./, "a name"), "production"),
  faultAtStep: optional("BERTH_FAULT_AT_STEP", fault),
};

/** Keys with our prefix that aren't ours to read: the tests', and those that a workspace is given. */
export const OTHERS_KEYS = /^BERTH_(TEST_.+|WORKSPACE_ID|TOKEN|GENERATION|URL)$/;
