import type { FastifyRequest } from "fastify";

/** True if a page of ours made the browser ask. Without either header nobody can tell, so it is false. */
export function isSameOrigin({ headers }: Pick<FastifyRequest, "headers">): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site === "same-origin";
  const { origin, host } = headers;
  if (origin === undefined || host === undefined || !URL.canParse(origin)) return false;
  return new URL(origin).host === host.toLowerCase();
}

/** A path of this server, as it was asked for; anything else, such as another server, becomes the console. */
export function localPath(next: string | undefined): string {
  const home = "/";
  if (next === undefined || !next.startsWith("/")) return home;
  const base = "http://berth.invalid";
  if (!URL.canParse(next, base)) return home;
  const { origin, pathname, search, hash } = new URL(next, base);
  // As the browser will read it: `/\host`, `/<tab>/host` and `/.//host` are other servers.
  return origin === base && !pathname.startsWith("//") ? pathname + search + hash : home;
}

export function loginPath(next: string): string {
  return `/login?next=${encodeURIComponent(localPath(next))}`;
}

/** Where a login that is asked for so leads. */
export function nextOf(request: FastifyRequest): string {
  const { next } = request.query as { next?: string | string[] };
  return localPath([next].flat()[0]);
}
