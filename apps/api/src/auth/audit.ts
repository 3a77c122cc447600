import { insertAudit, type NewAuditEntry } from "@berth/core/db/audit";
import type { Pool } from "@berth/core/db/pool";
import { windowed } from "@berth/core/base/window";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { App } from "../services.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Reading it shows what others wrote or keep to themselves: who did is written down. */
    audited?: boolean;
  }
}

/** In ms: what is written down within it is written in one statement. */
const WINDOW_MS = 50;
const AT_ONCE = 1_000;

/**
 * Writes down each write, each read of logs, each login and each refusal of a key or for a want of rights: who, from where,
 * what, and how it was answered. Nobody waits for it: a process that is killed may lose what it did in the last moment (the
 * events of what was changed are in the transaction that changed it). What can't be written is in the log.
 */
export function keepAudit(app: App, pool: Pool): void {
  const write = windowed<NewAuditEntry, void>({ windowMs: WINDOW_MS, max: AT_ONCE }, async (entries) => {
    await insertAudit(pool, entries);
    return entries.map(() => ({ status: "fulfilled", value: undefined }));
  });
  const writing = new Set<Promise<void>>();
  /** From where each request came: a connection that was closed before the answer doesn't tell any more. */
  const addresses = new WeakMap<FastifyRequest, string | undefined>();
  app.addHook("onRequest", async (request) => void addresses.set(request, request.ip));
  app.addHook("onSend", async (request, reply) => {
    if (!isAudited(request, reply)) return;
    const entry = entryOf(request, reply, addresses.get(request) ?? "unknown");
    const one: Promise<void> = write(entry)
      .catch((err: unknown) => request.log.error({ err, audit: entry }, "not in the audit log"))
      .finally(() => writing.delete(one));
    writing.add(one);
  });
  app.addHook("onClose", async () => {
    await Promise.all(writing);
  });
}

function isAudited(
  { method, routeOptions: { config } }: FastifyRequest,
  { statusCode }: FastifyReply,
): boolean {
  // Heartbeats, and whoever has no token for them, would hide all else.
  if (config.access === "workspace") return false;
  if (statusCode === 401 || statusCode === 403) return true;
  return config.audited === true || !["GET", "HEAD", "OPTIONS"].includes(method);
}

function entryOf(request: FastifyRequest, { statusCode }: FastifyReply, address: string): NewAuditEntry {
  const { caller, id, method, routeOptions, url } = request;
  return {
    request_id: id,
    caller: caller?.name ?? null,
    key_id: caller?.keyId ?? null,
    tenant: caller?.tenant ?? null,
    address,
    method,
    route: routeOptions.url ?? null,
    // As in a URL, so nothing that PostgreSQL's text can't hold.
    path: url.split("?", 1)[0]!.slice(0, 1_024),
    status: statusCode,
  };
}
