import { createHash } from "node:crypto";
import { BerthError } from "@berth/core/base/errors";
import type { Budget, RateLimits } from "@berth/core/base/rate-limits";
import type { FastifyRequest } from "fastify";
import type { App } from "../services.js";
import { placeOf } from "./address.js";

/** As many callers, and as many blocked addresses, as one process remembers. */
const REMEMBERED = 10_000;

/**
 * Slows whoever tries keys and passwords: an address that has sent too many wrong ones is refused for the rest
 * of the minute, whatever it sends, but for the keys that it was let in with before. Others behind the same
 * proxy or NAT so go on working. To be called before the key is looked at.
 */
export function slowGuessing(app: App, limits: RateLimits, perMinute: number): void {
  if (perMinute === 0) return;
  const budget: Budget = { name: "bad-keys", quota: perMinute, windowS: 60 };
  const blocked = new Map<string, number>();
  const known = new Set<string>();

  app.addHook("onRequest", async (request, reply) => {
    if (blocked.size === 0 || isExempt(request)) return;
    const place = placeOf(request.ip);
    const leftMs = (blocked.get(place) ?? 0) - performance.now();
    if (leftMs <= 0) return void blocked.delete(place);
    if (known.has(identityOf(request))) return;
    void reply.header("retry-after", Math.ceil(leftMs / 1_000));
    throw new BerthError("too_many_requests", "too many wrong keys came from this address");
  });
  app.addHook("onSend", async (request, reply, payload) => {
    if (isExempt(request)) return payload;
    if (reply.statusCode !== 401) {
      if (request.caller !== undefined) remember(known, identityOf(request));
      return payload;
    }
    // A browser that asks without a key is told to ask for one: that is no guess.
    const guessed = request.headers.authorization !== undefined || isPublic(request);
    if (!guessed) return payload;
    const { left, resetS } = await limits.spend(budget, placeOf(request.ip));
    if (left > 0) return payload;
    if (blocked.size >= REMEMBERED) blocked.clear();
    blocked.set(placeOf(request.ip), performance.now() + resetS * 1_000);
    return payload;
  });
}

/** Health, and the agents' tokens: those are no keys of ours. */
function isExempt({ routeOptions: { config } }: FastifyRequest): boolean {
  return config.access === "workspace" || (config.access === "public" && config.unlimited === true);
}

/** A public route that answers 401 is a login. */
function isPublic({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.access === "public";
}

function identityOf({ ip, headers }: FastifyRequest): string {
  const credentials = `${headers.authorization ?? ""}\n${headers.cookie ?? ""}`;
  return createHash("sha256")
    .update(`${placeOf(ip)}\n${credentials}`)
    .digest("base64");
}

function remember(known: Set<string>, identity: string): void {
  if (known.has(identity)) return;
  if (known.size >= REMEMBERED) known.clear();
  known.add(identity);
}
