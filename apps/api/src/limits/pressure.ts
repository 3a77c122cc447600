import { getHeapStatistics } from "node:v8";
import underPressure from "@fastify/under-pressure";
import type { ApiConfig } from "@berth/core/config/config";
import { longestWait, type Pool } from "@berth/core/db/pool";
import { BerthError } from "@berth/core/base/errors";
import type { FastifyContextConfig } from "fastify";
import type { Logger } from "@berth/core/base/logger";
import type { App } from "../services.js";

const TELL_EVERY_MS = 5_000;
/** From so much of the heap on requests are refused. */
const HEAP_SHARE = 0.85;

/** What makes more to do is refused from this part of a bound on, so that there is room for all else. */
const BURDENS_SHARE = 0.5;

/**
 * Refuses requests at once, before their keys are looked at, while those that were let in already wait too
 * long for the event loop or for a connection to the database. What keeps workspaces and this process alive
 * (`unlimited` routes), and what an operator relieves it with (`relieves`), is served all the same.
 */
export async function shedLoad(
  app: App,
  pool: Pool,
  config: Pick<ApiConfig, "maxLoopDelayMs" | "maxPoolWaitMs">,
  logger: Logger,
): Promise<void> {
  const { maxLoopDelayMs, maxPoolWaitMs } = config;
  let told = -Infinity;
  const refuse = (reason: string): never => {
    if (performance.now() - told > TELL_EVERY_MS) {
      told = performance.now();
      logger.warn({ reason }, "requests are refused: overloaded");
    }
    throw new BerthError("overloaded", `${reason}; nothing was changed`);
  };

  await app.register(underPressure, {
    maxEventLoopDelay: maxLoopDelayMs,
    // The rest is what a request that was let in may still need before the heap is full, which ends the process.
    maxHeapUsedBytes: Math.floor(getHeapStatistics().heap_size_limit * HEAP_SHARE),
    pressureHandler: async ({ routeOptions }) => {
      if (!isKept(routeOptions.config)) refuse("this process has more to do than it can");
    },
  });
  app.addHook("onRequest", async ({ routeOptions: { config: route } }) => {
    if (isKept(route)) return;
    const share = route.burdens === true ? BURDENS_SHARE : 1;
    if (maxPoolWaitMs > 0 && longestWait(pool) > maxPoolWaitMs * share)
      refuse("all connections to the database are in use");
    if (share < 1 && maxLoopDelayMs > 0 && app.memoryUsage().eventLoopDelay > maxLoopDelayMs * share)
      refuse("this process has much to do");
  });
}

/** Whether it is served under any load. */
function isKept({ unlimited, relieves }: FastifyContextConfig): boolean {
  return unlimited === true || relieves === true;
}
