import { BACKENDS } from "../domain/spec.js";
import { fault, integer, type Kind, listOf, matching, milliseconds, oneOf, path, url } from "./kinds.js";

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

/** Every key there is. docs/configuration.md says what each means, and a test compares the two. */
export const KEYS = {
  port: key("PORT", integer(0, 65_535), "8080"),
  host: key("HOST", matching(/^\S+$/, "an address or host name"), {
    api: "0.0.0.0",
    worker: "0.0.0.0",
    standalone: "127.0.0.1",
  }),
  databaseUrl: optional("DATABASE_URL", url("postgres", "postgresql"), {
    requiredBy: ["api", "worker"],
    secret: true,
  }),
  redisUrl: optional("REDIS_URL", url("redis", "rediss"), { secret: true }),
  dataDir: key("BERTH_DATA_DIR", path, ".berth"),
  adminKey: optional(
    "BERTH_ADMIN_KEY",
    matching(/^[\x21-\x7e]{16,}$/, "16 or more visible ASCII characters"),
    {
      requiredBy: ["api"],
      secret: true,
    },
  ),
  secret: optional("BERTH_SECRET", matching(/^.{32,}$/, "32 or more characters"), {
    requiredBy: ["worker"],
    secret: true,
  }),
  deploymentId: key(
    "BERTH_DEPLOYMENT_ID",
    matching(/^[a-z0-9-]{1,32}$/, "1 to 32 of a-z, 0-9 and -"),
    "berth",
  ),
  publicUrl: optional("BERTH_PUBLIC_URL", url("http", "https")),
  backend: optional("BERTH_BACKEND", oneOf(BACKENDS)),
  backends: optional("BERTH_BACKENDS", listOf(BACKENDS)),
  dockerHost: optional("DOCKER_HOST", url("unix", "tcp", "http", "https")),
  dockerNetwork: optional(
    "BERTH_DOCKER_NETWORK",
    matching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/, "the name of a Docker network"),
  ),
  queuePrefix: key(
    "BERTH_QUEUE_PREFIX",
    matching(/^[\x21-\x7e]{1,64}$/, "1 to 64 visible characters"),
    "{berth}",
  ),
  concurrency: key("BERTH_CONCURRENCY", integer(1, 1_000), "10"),
  leaseMs: key("BERTH_LEASE_MS", milliseconds(), "10000"),
  lockMs: key("BERTH_LOCK_MS", milliseconds(), "8000"),
  stalledEveryMs: key("BERTH_STALLED_EVERY_MS", milliseconds(), "3000"),
  parkMs: key("BERTH_PARK_MS", milliseconds(), "60000"),
  retryAttempts: key("BERTH_RETRY_ATTEMPTS", integer(1, 100), "5"),
  retryDelayMs: key("BERTH_RETRY_DELAY_MS", milliseconds(), "1000"),
  retryMaxDelayMs: key("BERTH_RETRY_MAX_DELAY_MS", milliseconds(), "30000"),
  attemptTimeoutMs: key("BERTH_ATTEMPT_TIMEOUT_MS", milliseconds(), "600000"),
  startTimeoutMs: key("BERTH_START_TIMEOUT_MS", milliseconds(), "120000"),
  stopGraceMs: key("BERTH_STOP_GRACE_MS", milliseconds(0), "10000"),
  callTimeoutMs: key("BERTH_CALL_TIMEOUT_MS", milliseconds(), "30000"),
  shutdownGraceMs: key("BERTH_SHUTDOWN_GRACE_MS", milliseconds(0), "20000"),
  sweepDispatchEveryMs: key("BERTH_SWEEP_DISPATCH_EVERY_MS", milliseconds(), "5000"),
  sweepRemovedInstancesEveryMs: key("BERTH_SWEEP_REMOVED_INSTANCES_EVERY_MS", milliseconds(), "60000"),
  bodyLimitBytes: key("BERTH_BODY_LIMIT_BYTES", integer(1_024, 2 ** 30, " of bytes"), "1048576"),
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
