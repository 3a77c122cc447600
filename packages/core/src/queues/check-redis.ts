import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { within } from "../base/deadline.js";
import { openRedis, primariesOf, type RedisClient, type RedisConfig } from "../base/redis.js";
import { redisPlace } from "../config/redis-address.js";
import { ConfigError } from "../config/config.js";
import { neededCommands } from "./redis-needs.js";

/** What a Redis is like. Each entry is one line with its cure. */
export interface RedisReport {
  /** Why it didn't answer, and nothing else is known; null if it did. */
  unreachable: string | null;
  /** Without these Berth can't work. */
  lacks: readonly string[];
  /** With these it works, but not always. */
  warnings: readonly string[];
}

type Checked = RedisConfig & { readonly redisUrl: string; readonly queuePrefix: string };
type Info = Readonly<Record<string, string>>;

/** How long all of the check may take, in ms. */
const CHECK_LIMIT_MS = 5_000;
/** The oldest Redis with all commands of BullMQ's scripts. Valkey began with 7.2. */
const OLDEST_VERSION = [6, 2];
/** How far Redis' clock may be from ours, in ms. */
const CLOCK_LIMIT_MS = 5_000;
/** What no patience heals: the address or the user is the wrong one. */
const REFUSED = /WRONGPASS|NOAUTH|NOPERM|cluster support disabled|certificate/;

/**
 * Refuses to start on a Redis that BullMQ couldn't work with: its worker then spins without yielding, deaf to signals. One
 * that doesn't answer is no reason, since requests are accepted without it.
 * @throws ConfigError with a line for each lack. @returns why it couldn't be reached, or null.
 */
export async function requireRedis(
  { redisUrl, redisCa, queuePrefix }: RedisConfig & { readonly queuePrefix: string },
  onWarning: (line: string) => void,
): Promise<string | null> {
  if (redisUrl === null) return null;
  const { lacks, warnings, unreachable } = await checkRedis({ redisUrl, redisCa, queuePrefix });
  if (lacks.length > 0) throw new ConfigError(lacks);
  warnings.forEach(onWarning);
  return unreachable;
}

/** Tries all that will be needed, with the rights and from the place of this process. Leaves nothing behind. */
export async function checkRedis(config: Checked): Promise<RedisReport> {
  const place = redisPlace(config.redisUrl);
  let failure = "it doesn't answer";
  const settings = { maxRetriesPerRequest: 0, enableOfflineQueue: true, connectTimeout: CHECK_LIMIT_MS };
  let redis: RedisClient | null = null;
  try {
    // The reason comes with the event; a command only says that the connection is closed.
    redis = openRedis(config, settings, (error) => (failure = reasonOf(error)));
    const connected = redis;
    return await within(CHECK_LIMIT_MS, [], async () => {
      if (connected.status !== "ready") await once(connected, "ready");
      const found = await examine(connected, config);
      const told = (lines: readonly string[]) => lines.map((line) => `REDIS_URL: ${place} ${line}`);
      return { unreachable: null, lacks: told(found.lacks), warnings: told(found.warnings) };
    });
  } catch (error) {
    const reason = redis === null ? reasonOf(error) : failure;
    // The file of certificates is read first.
    if (redis === null) return { unreachable: null, lacks: [`BERTH_REDIS_CA: ${reason}`], warnings: [] };
    const line = `REDIS_URL: ${place} can't be used (${reason})`;
    if (REFUSED.test(reason)) return { unreachable: null, lacks: [line + cureOf(reason)], warnings: [] };
    return { unreachable: line, lacks: [], warnings: [] };
  } finally {
    redis?.disconnect();
  }
}

async function examine(redis: RedisClient, { redisUrl, queuePrefix }: Checked) {
  const lacks: string[] = [];
  const warnings: string[] = [];
  const infos = await Promise.all(
    primariesOf(redis).map(async (node) => parseInfo(await node.info().catch(() => ""))),
  );
  for (const info of infos) lacks.push(...lacksOf(info, redisUrl, redis.isCluster));
  // On the wrong kind of node the rest would only say so once more.
  if (lacks.length > 0) return { lacks, warnings };
  lacks.push(...(await missingRights(redis, queuePrefix)));
  for (const policy of new Set(infos.map((info) => info.maxmemory_policy)))
    if (policy !== undefined && policy !== "noeviction")
      warnings.push(`has maxmemory-policy ${policy}, which drops jobs: set noeviction`);
  const [seconds, micros] = (await redis.time().catch(() => [])).map(Number);
  const aheadMs = seconds === undefined ? 0 : seconds * 1_000 + (micros ?? 0) / 1_000 - Date.now();
  if (Math.abs(aheadMs) > CLOCK_LIMIT_MS)
    warnings.push(
      `has a clock ${Math.round(aheadMs / 1_000)} s from this machine's: delayed jobs run at the wrong time`,
    );
  return { lacks, warnings };
}

function lacksOf(info: Info, redisUrl: string, isCluster: boolean): string[] {
  const [scheme = "redis"] = redisUrl.split(/[+:]/);
  if (info.redis_mode === "sentinel")
    return [`is a Sentinel: write ${scheme}+sentinel://…/name-of-the-primary`];
  if (!isCluster && info.cluster_enabled === "1")
    return [`is a node of a Redis Cluster: write ${scheme}+cluster://…`];
  if (info.role === "slave") return ["is a replica: give the address of the primary, or the Sentinels'"];
  const [major = 0, minor = 0] = (info.redis_version ?? "").split(".").map(Number);
  const [oldest = 0, oldestMinor = 0] = OLDEST_VERSION;
  if (info.redis_version !== undefined && (major < oldest || (major === oldest && minor < oldestMinor)))
    return [`is Redis ${info.redis_version}: Berth needs ${OLDEST_VERSION.join(".")} or later`];
  return [];
}

/** Asked by giving the commands: a user with few rights may not ask what it may do (`ACL DRYRUN`). */
async function missingRights(redis: RedisClient, prefix: string): Promise<string[]> {
  const key = `${prefix}:check:${randomUUID()}`;
  // On a Cluster those without a key go to any node: a transaction would end elsewhere than it began.
  const needed = neededCommands(key, `${key}:2`).filter(
    ([name]) => !redis.isCluster || (name !== "multi" && name !== "exec"),
  );
  const answers = await Promise.allSettled(needed.map(([name, ...args]) => redis.call(name, ...args)));
  let keys = false;
  const commands = needed.flatMap(([name], n) => {
    const answer = answers[n]!;
    const error = answer.status === "rejected" ? (answer.reason as Error).message : "";
    if (!error.startsWith("NOPERM")) return [];
    if (error.includes("run the")) return [name];
    keys = true;
    return [];
  });
  const user = "refuses this user";
  return [
    ...(keys ? [`${user} the keys ${prefix}:*: ACL SETUSER … ~${prefix}:*`] : []),
    ...(commands.length > 0
      ? [`${user} ${commands.join(", ")}: ACL SETUSER … ${commands.map((name) => `+${name}`).join(" ")}`]
      : []),
  ];
}

function parseInfo(text: string): Info {
  const lines = text.split("\r\n").map((line) => line.split(":"));
  return Object.fromEntries(lines.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** A Cluster's failure has that of its last node inside. */
function reasonOf(error: unknown): string {
  const { message, lastNodeError } = error as Error & { lastNodeError?: Error };
  return lastNodeError?.message ?? message;
}

function cureOf(reason: string): string {
  if (reason.includes("cluster support disabled")) return ": write redis://… for a Redis that is no Cluster";
  return reason.includes("certificate") ? ": set BERTH_REDIS_CA to the file of its authority" : "";
}
