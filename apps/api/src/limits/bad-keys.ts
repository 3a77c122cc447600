import { createHash } from "node:crypto";
import { BerthError } from "@berth/core/base/errors";
import type { ApiConfig } from "@berth/core/config/config";
import type { Budget, RateLimits } from "@berth/core/base/rate-limits";
import type { FastifyRequest } from "fastify";
import type { App } from "../services.js";
import { placeOf } from "./address.js";

/** As many callers, and as many blocked addresses, as one process remembers. */
const REMEMBERED = 10_000;

/**
 * Slows whoever tries keys and passwords, and whoever sends agents' tokens that are refused: an address that has sent too
 * many wrong ones is refused for the rest of the minute, whatever it sends, but for those that it was let in with before.
 * Others behind the same proxy or NAT so go on working. To be called before the key is looked at.
 */
export function slowGuessing(
  app: App,
  limits: RateLimits,
  { badKeysPerMinute, badTokensPerMinute }: Pick<ApiConfig, "badKeysPerMinute" | "badTokensPerMinute">,
): void {
  slowWrong(app, limits, { name: "bad-keys", quota: badKeysPerMinute, windowS: 60 }, "keys", isKey);
  // Agents of an earlier generation are many behind one address, and each says so every few seconds.
  slowWrong(app, limits, { name: "bad-tokens", quota: badTokensPerMinute, windowS: 60 }, "tokens", isToken);
}

function slowWrong(
  app: App,
  limits: RateLimits,
  budget: Budget,
  wrong: "keys" | "tokens",
  counts: (request: FastifyRequest) => boolean,
): void {
  if (budget.quota === 0) return;
  const blocked = new Map<string, number>();
  const known = new Set<string>();

  app.addHook("onRequest", async (request, reply) => {
    if (blocked.size === 0 || !counts(request)) return;
    const place = placeOf(request.ip);
    const leftMs = (blocked.get(place) ?? 0) - performance.now();
    if (leftMs <= 0) return void blocked.delete(place);
    if (known.has(identityOf(request))) return;
    void reply.header("retry-after", Math.ceil(leftMs / 1_000));
    throw new BerthError("too_many_requests", `too many wrong ${wrong} came from this address`);
  });
  app.addHook("onSend", async (request, reply, payload) => {
    if (!counts(request)) return payload;
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

function isToken({ routeOptions: { config } }: FastifyRequest): boolean {
  return config.access === "workspace";
}

/** All but health, which asks for none. */
function isKey({ routeOptions: { config } }: FastifyRequest): boolean {
  return config.access !== "workspace" && !(config.access === "public" && config.unlimited === true);
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
