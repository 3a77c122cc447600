/** One node, told by URL as ioredis reads it; the Sentinels that know where a primary is; or nodes of a Cluster. */
export type RedisAddress =
  | { form: "single"; url: string }
  | ({ form: "sentinel"; sentinels: HostPort[]; name: string; db: number } & Access & {
        sentinelUsername?: string;
        sentinelPassword?: string;
      })
  | ({ form: "cluster"; nodes: HostPort[] } & Access);

export interface HostPort {
  host: string;
  port: number;
}

interface Access {
  tls: boolean;
  username?: string;
  password?: string;
}

export const REDIS_URL_FORMS =
  "redis://host:6379, redis+sentinel://host:26379,host,host/name-of-the-primary or " +
  "redis+cluster://host:6379,host,host (rediss… for TLS)";

const FORM = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/?]*)@)?([^@/?]*)(?:\/([^?]*))?(?:\?(.*))?$/;
const HOST = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/;
const SENTINEL_PARAMETERS = new Set(["db", "sentinel_username", "sentinel_password"]);

/** Null if the text is none of {@link REDIS_URL_FORMS}. */
export function parseRedisUrl(text: string): RedisAddress | null {
  const [, scheme, form, userinfo, hosts = "", path = "", query = ""] = FORM.exec(text) ?? [];
  if (scheme === undefined) return null;
  if (form === undefined) return URL.canParse(text) ? { form: "single", url: text } : null;
  const nodes = hosts.split(",").map((one) => hostPort(one, form === "sentinel" ? 26_379 : 6_379));
  if (!nodes.every((node) => node !== null)) return null;
  try {
    const access = { tls: scheme === "rediss", ...credentials(userinfo) };
    if (form === "cluster") return path === "" && query === "" ? { form, nodes, ...access } : null;
    const parameters = new URLSearchParams(query);
    const db = parameters.get("db") ?? "0";
    const known = [...parameters.keys()].every((name) => SENTINEL_PARAMETERS.has(name));
    if (!known || !/^\d{1,4}$/.test(db) || path === "" || path.includes("/")) return null;
    const sentinelUsername = parameters.get("sentinel_username");
    const sentinelPassword = parameters.get("sentinel_password");
    return {
      form: "sentinel",
      sentinels: nodes,
      name: decodeURIComponent(path),
      db: Number(db),
      ...access,
      ...(sentinelUsername === null ? {} : { sentinelUsername }),
      ...(sentinelPassword === null ? {} : { sentinelPassword }),
    };
  } catch {
    // A percent sign that begins no escape.
    return null;
  }
}

/** Where it is, for a message: no user, no password. */
export function redisPlace(text: string): string {
  return FORM.exec(text)?.[4] || "the local socket";
}

/** Whether all keys under a prefix are in one slot of a Cluster, as BullMQ's scripts need it. */
export function hasHashTag(prefix: string): boolean {
  return /^[^{]*\{[^}]+\}/.test(prefix);
}

function hostPort(text: string, otherwise: number): HostPort | null {
  const [whole, v6, name, digits] = HOST.exec(text.trim()) ?? [];
  const port = digits === undefined ? otherwise : Number(digits);
  return whole === undefined || port < 1 || port > 65_535 ? null : { host: (v6 ?? name)!, port };
}

/** @throws URIError for a bad escape. */
function credentials(userinfo: string | undefined): Pick<Access, "username" | "password"> {
  if (userinfo === undefined || userinfo === "") return {};
  const [user = "", ...rest] = userinfo.split(":");
  const password = rest.length === 0 ? undefined : decodeURIComponent(rest.join(":"));
  return {
    ...(user === "" ? {} : { username: decodeURIComponent(user) }),
    ...(password === undefined ? {} : { password }),
  };
}
