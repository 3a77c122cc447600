import { defined } from "@berth/core/base/defined";
import type { Condition, Requester } from "@berth/core/requests/accept";
import type { FastifyRequest } from "fastify";
import { versionWanted } from "./etag.js";

/** Who asks, once or again, and on which condition. @throws BerthError `invalid_request` (If-Match) */
export function requesterOf(request: FastifyRequest): Condition & Requester {
  const { caller, idempotency, headers } = request;
  const ifVersion = versionWanted(headers["if-match"]);
  return {
    source: "api",
    requestedBy: caller.name,
    ofTenant: caller.tenant !== null,
    ...defined({ idempotency, ifVersion }),
  };
}
