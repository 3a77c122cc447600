import { hasHashTag, parseRedisUrl } from "./redis-address.js";
import { didYouMean } from "./did-you-mean.js";
import { type Key, KEYS, OTHERS_KEYS, type Role } from "./keys.js";
import type { BackendName } from "../domain/backend.js";

export type { Role } from "./keys.js";

/** The settings of one process, read once at its start, and frozen. Durations are in milliseconds. */
export type Config = { readonly role: Role } & {
  readonly [P in keyof typeof KEYS]: (typeof KEYS)[P] extends Key<infer T> ? T : never;
};
/** What a fleet's processes can rely on, which the standalone finds out or makes by itself. */
type Fleet = Config & {
  readonly databaseUrl: string;
  readonly backend: BackendName;
  readonly backends: readonly BackendName[];
};
export type ApiConfig = Fleet & { readonly adminKey: string };
export type WorkerConfig = Fleet & { readonly secret: string };

/** Keys that stand in an example, a test or a habit: whoever reads those has them. */
const EXAMPLE_KEY =
  /^(change-?me|replace-?me|example-|default-|your-|test-|dev-|demo-|admin-|secret-|password|berth[-_]admin)|^(.)\2*$/i;

export type Environment = Readonly<Record<string, string | undefined>>;

/** Everything that is wrong with the environment, not only the first of it. Holds no secret. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`configuration: ${problems.join("; ")}`);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

export function readConfig(role: "api", env?: Environment): ApiConfig;
export function readConfig(role: "worker", env?: Environment): WorkerConfig;
export function readConfig(role: Role, env?: Environment): Config;
/**
 * Reads the settings from the environment; an empty value counts as unset.
 * @throws ConfigError with every bad, missing or unknown key.
 */
export function readConfig(role: Role, env: Environment = process.env): Config {
  const problems = unknownKeys(env);
  const values: Record<string, unknown> = { role };
  for (const [property, key] of Object.entries(KEYS) as [string, Key<unknown>][]) {
    values[property] = readKey(key, role, env, problems);
  }
  const config = withBackends(values as Config);
  problems.push(...conflicts(config));
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config);
}

/** The variables of this process that begin so: what a spec may refer to. None without a prefix. */
export function variablesFor(
  prefix: string | null,
  env: Environment = process.env,
): Readonly<Record<string, string>> {
  const given = Object.entries(env).filter(([name]) => prefix !== null && name.startsWith(prefix));
  return Object.freeze(Object.fromEntries(given.map(([name, value = ""]) => [name, value])));
}

function readKey(key: Key<unknown>, role: Role, env: Environment, problems: string[]): unknown {
  const fallback = typeof key.fallback === "object" ? (key.fallback?.[role] ?? null) : key.fallback;
  const given = env[key.env] || undefined;
  const text = given ?? fallback;
  if (text === null) {
    if (key.requiredBy.includes(role)) problems.push(`${key.env} is missing: expected ${key.kind.expected}`);
    return null;
  }
  const value = key.kind.parse(text);
  if (value !== undefined) return value;
  const shown = key.secret ? "its value is wrong" : `got ${JSON.stringify(text)}`;
  problems.push(`${key.env}: ${shown}, expected ${key.kind.expected}`);
  return fallback === null ? null : key.kind.parse(fallback);
}

/** One of the two keys is enough: the default backend is the first of those enabled. */
function withBackends(config: Config): Config {
  const backends = config.backends ?? (config.backend ? [config.backend] : null);
  // The standalone sees later whether a Docker daemon answers.
  if (backends === null && config.role === "standalone") return config;
  const enabled = backends ?? (["docker"] as const);
  return { ...config, backends: Object.freeze([...enabled]), backend: config.backend ?? enabled[0] ?? null };
}

function conflicts(config: Config): string[] {
  const { backend, backends, retryDelayMs, retryMaxDelayMs, faultAtStep, nodeEnv } = config;
  const problems: string[] = [];
  if (backend && backends && !backends.includes(backend))
    problems.push(
      `BERTH_BACKEND: got "${backend}", expected one that BERTH_BACKENDS enables: ${backends.join(", ")}`,
    );
  if (retryDelayMs > retryMaxDelayMs)
    problems.push(
      `BERTH_RETRY_DELAY_MS: got "${retryDelayMs}", expected at most BERTH_RETRY_MAX_DELAY_MS, ${retryMaxDelayMs}`,
    );
  if (
    config.redisUrl &&
    parseRedisUrl(config.redisUrl)?.form === "cluster" &&
    !hasHashTag(config.queuePrefix)
  )
    problems.push(
      `BERTH_QUEUE_PREFIX: got "${config.queuePrefix}", expected braces as in "{berth}" on a Redis Cluster: ` +
        "all keys of a queue must be in one slot",
    );
  if (config.redisCa !== null && !config.redisUrl?.startsWith("rediss"))
    problems.push("BERTH_REDIS_CA: REDIS_URL isn't over TLS, expected one that starts with rediss");
  if (config.webhooksRetryDelayMs > config.webhooksRetryMaxDelayMs)
    problems.push(
      `BERTH_WEBHOOKS_RETRY_DELAY_MS: got "${config.webhooksRetryDelayMs}", expected at most ` +
        `BERTH_WEBHOOKS_RETRY_MAX_DELAY_MS, ${config.webhooksRetryMaxDelayMs}`,
    );
  if ((config.ec2HostedZoneId === null) !== (config.ec2DnsSuffix === null))
    problems.push("BERTH_EC2_HOSTED_ZONE_ID and BERTH_EC2_DNS_SUFFIX: one is set, expected both or none");
  problems.push(...halfSignOn(config));
  if (config.role === "api" && nodeEnv === "production" && EXAMPLE_KEY.test(config.adminKey ?? ""))
    problems.push(
      'BERTH_ADMIN_KEY: is an example, expected one of your own, such as "openssl rand -hex 24" prints',
    );
  if (faultAtStep !== null && nodeEnv !== "test")
    problems.push("BERTH_FAULT_AT_STEP: kills workers, expected only with NODE_ENV=test");
  return problems;
}

/** Logins by a provider of OpenID Connect need all that there is to say of it. */
function halfSignOn({ role, publicUrl, ...config }: Config): string[] {
  const needed = {
    BERTH_OIDC_ISSUER: config.oidcIssuer,
    BERTH_OIDC_CLIENT_ID: config.oidcClientId,
    BERTH_OIDC_CLIENT_SECRET: config.oidcClientSecret,
    BERTH_OIDC_FILE: config.oidcFile,
  };
  const missing = Object.entries({ ...needed, BERTH_PUBLIC_URL: publicUrl }).filter(
    ([, value]) => value === null,
  );
  const isAsked = role !== "worker" && Object.values(needed).some((value) => value !== null);
  if (!isAsked || missing.length === 0) return [];
  const names = missing.map(([name]) => name).join(", ");
  return [
    `BERTH_OIDC_…: ${names} missing, expected all of ${Object.keys(needed).join(", ")} with BERTH_PUBLIC_URL, or none`,
  ];
}

function unknownKeys(env: Environment): string[] {
  const known = Object.values(KEYS).map((key) => key.env);
  return Object.keys(env)
    .filter((name) => name.startsWith("BERTH_") && !known.includes(name) && !OTHERS_KEYS.test(name))
    .map((name) => {
      const meant = didYouMean(name, known, "BERTH_".length);
      return `${name} is no setting of Berth${meant === null ? "" : `: did you mean ${meant}?`}`;
    });
}
