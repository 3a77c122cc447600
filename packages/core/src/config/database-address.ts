/** Where a PostgreSQL is: one address, as it was given, or several of which one may be written at a time. */
export interface DatabaseAddress {
  /** A URL for each host, in the order given. */
  hosts: readonly string[];
  /** Which of them may be written is asked at each new connection. */
  asked: boolean;
}

const FORM = /^(postgres(?:ql)?):\/\/(?:([^@/?]*)@)?([^@/?]*)(\/[^?]*)?(?:\?(.*))?$/;
const HOST = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/;
const WANTED = "target_session_attrs";
/** Both mean the same to who must write; what libpq has besides would lead to a standby. */
const WRITABLE = ["read-write", "primary"];

/** Null if the text is no URL of a PostgreSQL that is to be written. */
export function parseDatabaseUrl(text: string): DatabaseAddress | null {
  const [, scheme, userinfo, places = "", path = "", query = ""] = FORM.exec(text) ?? [];
  if (scheme === undefined) return null;
  const parameters = new URLSearchParams(query);
  const wanted = parameters.get(WANTED);
  if (wanted !== null && !WRITABLE.includes(wanted)) return null;
  const hosts = places.split(",").map((host) => host.trim());
  if (hosts.length === 1 && wanted === null)
    return URL.canParse(text) ? { hosts: [text], asked: false } : null;
  if (!hosts.every((host) => HOST.test(host))) return null;
  parameters.delete(WANTED);
  const rest = parameters.size === 0 ? "" : `?${parameters.toString()}`;
  const urls = hosts.map((host) => `${scheme}://${userinfo ? `${userinfo}@` : ""}${host}${path}${rest}`);
  return urls.every((url) => URL.canParse(url)) ? { hosts: urls, asked: true } : null;
}

/** Where it is, for a message: no user, no password. */
export function databasePlace(text: string): string {
  return FORM.exec(text)?.[3] || "the local socket";
}
