import type { ApiConfig } from "@berth/core/config/config";
import type { Pool } from "@berth/core/db/pool";
import type { Prices } from "@berth/core/domain/prices";
import type { Heartbeats } from "@berth/core/agents/heartbeat";
import type { RequestContext } from "@berth/core/requests/accept";
import type { Queues } from "@berth/core/queues/producer";
import type { RateLimits } from "@berth/core/base/rate-limits";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from "fastify";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Ended } from "./http/ended.js";
import type { EventFeed } from "./live/feed.js";
import type { Following } from "./live/log-streams.js";
import type { Signals } from "./live/signals.js";
import type { Waiting } from "./live/waiting.js";

/** The server, with request types taken from the schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** What routes work with. */
export interface Services {
  config: ApiConfig;
  pool: Pool;
  /** A few connections that requests can't take away from heartbeats and readiness. */
  vitalPool: Pool;
  limits: RateLimits;
  queues: Queues;
  requests: RequestContext;
  signals: Pick<Signals, "deaf">;
  waiting: Waiting;
  ended: Ended;
  feed: EventFeed;
  following: Following;
  heartbeats: Heartbeats;
  prices: Prices;
}
