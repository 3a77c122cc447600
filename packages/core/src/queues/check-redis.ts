import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { clockWarning, type Report } from "../base/report.js";
import { within } from "../base/deadline.js";
import { openRedis, primariesOf, type RedisClient, type RedisConfig } from "../base/redis.js";
import { redisPlace } from "../config/redis-address.js";
import { neededCommands } from "./redis-needs.js";

type Checked = RedisConfig & { readonly queuePrefix: string };
type Info = Readonly<Record<string, string>>;

const NOTHING: Report = { found: null, unreachable: null, lacks: [], warnings: [] };
/** How long all of the check may take, in ms. */
const CHECK_LIMIT_MS = 5_000;
/** The oldest Redis with all commands of BullMQ's scripts. Valkey began with 7.2. */
const OLDEST_VERSION = [6, 2];
/** A disk that is full, too few replicas, no memory: what may pass. */
const UNWRITABLE = /^(MISCONF|OOM|NOREPLICAS|READONLY)/;
/** What no patience heals: the address or the user is the wrong one. */
const REFUSED = /WRONGPASS|NOAUTH|NOPERM|cluster support disabled|certificate/;

/**
 * Tries all that will be needed, with the rights and from the place of this process. Leaves nothing behind.
 * @throws if there is no `redisUrl`
 */
export async function checkRedis({ redisUrl, ...rest }: Checked): Promise<Report> {
  if (redisUrl === null) throw new Error("there is no REDIS_URL to check");
  const config = { redisUrl, ...rest };
  const place = redisPlace(redisUrl);
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
      return { ...found, unreachable: null, lacks: told(found.lacks), warnings: told(found.warnings) };
    });
  } catch (error) {
    const reason = redis === null ? reasonOf(error) : failure;
    // The file of certificates is read first.
    if (redis === null) return { ...NOTHING, lacks: [`BERTH_REDIS_CA: ${reason}`] };
    const line = `REDIS_URL: ${place} can't be used (${reason})`;
    if (REFUSED.test(reason)) return { ...NOTHING, lacks: [line + cureOf(reason)] };
    return { ...NOTHING, unreachable: line };
  } finally {
    redis?.disconnect();
  }
}

async function examine(
  redis: RedisClient,
  { redisUrl, queuePrefix }: Checked & { redisUrl: string },
): Promise<Omit<Report, "unreachable">> {
  const infos = await Promise.all(
    primariesOf(redis).map(async (node) => parseInfo(await node.info().catch(() => ""))),
  );
  const found = describe(infos);
  // On the wrong kind of node the rest would only say so once more.
  const unfit = infos.flatMap((info) => lacksOf(info, redisUrl, redis.isCluster));
  if (unfit.length > 0) return { found, lacks: unfit, warnings: [] };
  const { lacks, unwritable } = await tryCommands(redis, queuePrefix);
  const policies = [...new Set(infos.map((info) => info.maxmemory_policy))];
  const [seconds, micros] = (await redis.time().catch(() => [])).map(Number);
  const warnings = [
    unwritable === null ? null : `can't be written now (${unwritable})`,
    ...policies.map((policy) =>
      policy === undefined || policy === "noeviction"
        ? null
        : `has maxmemory-policy ${policy}, which drops jobs: set noeviction`,
    ),
    redis.isCluster ? await slotsWarning(redis) : null,
    seconds === undefined ? null : clockWarning(seconds * 1_000 + (micros ?? 0) / 1_000),
  ];
  return { found, lacks, warnings: warnings.filter((line) => line !== null) };
}

/** What it is; that it keeps nothing is no lack, since everything in it may be lost (I6). */
function describe(infos: readonly Info[]): string | null {
  const [info] = infos;
  if (info?.redis_version === undefined) return null;
  const { valkey_version: valkey, redis_version: redis, aof_enabled: aof } = info;
  const name = valkey === undefined ? `Redis ${redis}` : `Valkey ${valkey}`;
  const nodes = infos.length > 1 ? `, a Cluster of ${infos.length}` : "";
  return `${name}${nodes}, ${aof === "1" ? "append-only file on" : "no append-only file"}`;
}

/** Nothing is written to a Cluster with a slot that no node has, unless `cluster-require-full-coverage` is off. */
async function slotsWarning(redis: RedisClient): Promise<string | null> {
  const text = await (redis.call("cluster", "info") as Promise<string>).catch(() => "");
  const { cluster_state: state, cluster_slots_ok: ok } = parseInfo(text);
  return state === undefined || state === "ok"
    ? null
    : `is a Cluster in state ${state} with ${ok} of 16384 slots served: bring its nodes back`;
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
async function tryCommands(
  redis: RedisClient,
  prefix: string,
): Promise<{ lacks: string[]; unwritable: string | null }> {
  const key = `${prefix}:check:${randomUUID()}`;
  // On a Cluster those without a key go to any node: a transaction would end elsewhere than it began.
  const needed = neededCommands(key, `${key}:2`).filter(
    ([name]) => !redis.isCluster || (name !== "multi" && name !== "exec"),
  );
  const answers = await Promise.allSettled(needed.map(([name, ...args]) => redis.call(name, ...args)));
  let keys = false;
  let unwritable: string | null = null;
  const commands = needed.flatMap(([name], n) => {
    const answer = answers[n]!;
    const error = answer.status === "rejected" ? (answer.reason as Error).message : "";
    if (UNWRITABLE.test(error)) unwritable = error.replace(/\.$/, "");
    if (!error.startsWith("NOPERM")) return [];
    if (error.includes("run the")) return [name];
    keys = true;
    return [];
  });
  const user = "refuses this user";
  return {
    unwritable,
    lacks: [
      ...(keys ? [`${user} the keys ${prefix}:*: ACL SETUSER … ~${prefix}:*`] : []),
      ...(commands.length > 0
        ? [`${user} ${commands.join(", ")}: ACL SETUSER … ${commands.map((name) => `+${name}`).join(" ")}`]
        : []),
    ],
  };
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
