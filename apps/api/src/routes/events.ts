import { defined } from "@berth/core/base/defined";
import { findEvents, listEvents, type EventPage } from "@berth/core/db/events";
import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import { linkNext } from "../http/pages.js";
import { answer, NEXT_PAGE } from "../schemas/answers.js";
import { LIMIT, query, ref, uuid } from "../schemas/common.js";
import { AFTER_ID, EVENT_TYPES, requireEventTypes, StructureEvent, viewEvent } from "../schemas/event.js";
import { EVENT_EXAMPLE } from "../schemas/examples.js";
import { CREATED, LABEL_FILTER, readFilters } from "../schemas/filters.js";
import { problems } from "../schemas/problem.js";
import { requireWorkspace } from "../http/require-workspace.js";
import type { App, Services } from "../services.js";

const OWN = {
  type: Type.Optional(EVENT_TYPES),
  ...CREATED,
  after: Type.Optional(AFTER_ID),
  limit: Type.Optional(LIMIT),
};
const Query = query(OWN);
const AllQuery = query({ ...OWN, label: Type.Optional(LABEL_FILTER) });

export function eventRoutes(app: App, services: Services): void {
  const { pool } = services;

  app.get(
    "/events",
    {
      config: { access: "viewer", tenants: "labels" },
      schema: {
        operationId: "listEvents",
        summary: "List what happened",
        description: "In order of id, oldest first: go on with `after` = the last id you have.",
        tags: ["events"],
        querystring: AllQuery,
        response: {
          200: answer("A page.", Type.Array(ref(StructureEvent)), [EVENT_EXAMPLE], NEXT_PAGE),
          ...problems("invalid_request"),
        },
      },
    },
    async (request, reply) => {
      const { limit = 100, after = 0, type } = request.query;
      const found = await findEvents(pool, {
        ...readFilters(request.query),
        ...defined({ types: type && requireEventTypes("type", type) }),
        afterId: after,
        limit,
      });
      return shown(request, reply, found, limit);
    },
  );

  app.get(
    "/events/:workspaceId",
    {
      config: { access: "viewer", tenants: "workspace" },
      schema: {
        operationId: "listWorkspaceEvents",
        summary: "List what happened to a workspace",
        description: "In order of id, oldest first. They outlive a purge of the workspace.",
        tags: ["events"],
        params: Type.Object({ workspaceId: uuid("Id of the workspace.") }),
        querystring: Query,
        response: {
          200: answer("A page.", Type.Array(ref(StructureEvent)), [EVENT_EXAMPLE], NEXT_PAGE),
          ...problems("invalid_request", "invalid_id", "workspace_not_found"),
        },
      },
    },
    async (request, reply) => {
      const { limit = 100, after = 0, type } = request.query;
      const { workspaceId } = request.params;
      const found = await findEvents(pool, {
        ...readFilters(request.query),
        ...defined({ types: type && requireEventTypes("type", type) }),
        workspaceId,
        afterId: after,
        limit,
      });
      // A purged workspace has no row any more, but every workspace that ever was has an event.
      if (found.rows.length === 0 && (await listEvents(pool, { workspaceId, limit: 1 })).length === 0)
        await requireWorkspace(services, workspaceId);
      return shown(request, reply, found, limit);
    },
  );
}

/** The next page begins after an id, as clients know events. */
function shown(request: FastifyRequest, reply: FastifyReply, { rows, next }: EventPage, limit: number) {
  if (next !== null) linkNext(request, reply, String(next), limit);
  return rows.map(viewEvent);
}
