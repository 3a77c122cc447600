import type { ApiConfig } from "@berth/core/config/config";
import { weightOf, type Policy } from "@berth/core/domain/policy";
import { BerthError } from "@berth/core/base/errors";
import type { FastifyRequest } from "fastify";
import type { App } from "../services.js";
import { isRead } from "./keys.js";
import { createRoom } from "./room.js";
import { createTurns } from "./turns.js";

declare module "fastify" {
  interface FastifyRequest {
    /** To be called by what only waits from now on: another request of its caller is carried out meanwhile. */
    endTurn: () => void;
  }
}

/** So many writes to a read: most of a write's time is that of its commit. */
const WRITES = 2;

const nothing = (): void => undefined;

/**
 * Has each caller's reads and writes take turns, once they have arrived whole and until their answers are ready: what the process
 * and the database do next is shared by callers, however much one of them asks for. To be called after the key has been looked
 * at. What keeps workspaces alive (`unlimited`) takes none.
 */
export function takeTurns(
  app: App,
  { requestsAtOnce }: Pick<ApiConfig, "requestsAtOnce">,
  policy: Policy,
): void {
  app.decorateRequest("endTurn", nothing);
  if (requestsAtOnce === 0) return;
  const room = createRoom({ most: requestsAtOnce });
  const [reads, writes] = [createTurns(), createTurns()];

  // Not before: a body that comes slowly would keep a turn.
  app.addHook("preValidation", async (request, reply) => {
    const { caller, method, routeOptions } = request;
    if (caller === undefined || routeOptions.config.unlimited === true) return;
    const reading = isRead(method);
    const by = shareOf(caller);
    const weight = caller.tenant === null ? 1 : weightOf(policy, caller.tenant);
    const first = routeOptions.config.relieves === true;
    room.meet(by);
    const times = weight * (reading ? 1 : WRITES);
    const end = await (reading ? reads : writes).take({
      by,
      first,
      room: () => room.of(by) * times + (first ? 1 : 0),
      ended: (tookMs) => room.used(by, tookMs),
      together: reading ? undefined : workspaceOf(request),
      onGone: (leave) => void reply.raw.once("close", leave),
    });
    if (end === null)
      throw new BerthError(
        "too_many_requests",
        "more of yours waits here than is done within 20 s; nothing was changed",
      );
    request.endTurn = end;
  });
  // Streams go on for long after it.
  app.addHook("onSend", async (request) => request.endTurn());
}

/** Whose gate it waits for. */
function workspaceOf({ params, routeOptions }: FastifyRequest): string | undefined {
  return routeOptions.url?.startsWith("/workspaces/:id") === true ? (params as { id: string }).id : undefined;
}

/** A tenant's keys have one share. */
function shareOf({ keyId, name, tenant }: FastifyRequest["caller"]): string {
  return tenant === null ? (keyId ?? name) : JSON.stringify(tenant);
}
