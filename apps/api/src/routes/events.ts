import { listEvents } from "@berth/core/db/events";
import Type from "typebox";
import { page } from "../pages.js";
import { answer, NEXT_PAGE } from "../schemas/answers.js";
import { LIMIT, ref, uuid } from "../schemas/common.js";
import { AFTER_ID, EVENT_TYPE, StructureEvent, viewEvent } from "../schemas/event.js";
import { EVENT_EXAMPLE } from "../schemas/examples.js";
import { problems } from "../schemas/problem.js";
import type { App, Services } from "../services.js";
import { existing } from "./workspaces.js";

const Query = Type.Object(
  { type: Type.Optional(EVENT_TYPE), after: Type.Optional(AFTER_ID), limit: Type.Optional(LIMIT) },
  { additionalProperties: false },
);

export function eventRoutes(app: App, services: Services): void {
  const { pool } = services;

  app.get(
    "/events",
    {
      config: { access: "viewer" },
      schema: {
        operationId: "listEvents",
        summary: "List what happened",
        description: "In order of id, oldest first: go on with `after` = the last id you have.",
        tags: ["events"],
        querystring: Query,
        response: {
          200: answer("A page.", Type.Array(ref(StructureEvent)), [EVENT_EXAMPLE], NEXT_PAGE),
          ...problems("invalid_request"),
        },
      },
    },
    async (request, reply) => {
      const { limit = 100, after = 0, type } = request.query;
      const filter = { afterId: after, limit: limit + 1, ...(type === undefined ? {} : { type }) };
      const rows = await listEvents(pool, filter);
      return page(request, reply, rows, { limit, after: (row) => String(row.id) }).map(viewEvent);
    },
  );

  app.get(
    "/events/:workspaceId",
    {
      config: { access: "viewer" },
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
      const filter = {
        workspaceId,
        afterId: after,
        limit: limit + 1,
        ...(type === undefined ? {} : { type }),
      };
      const rows = await listEvents(pool, filter);
      // A purged workspace has no row any more, but every workspace that ever was has an event.
      if (rows.length === 0 && (await listEvents(pool, { workspaceId, limit: 1 })).length === 0)
        await existing(services, workspaceId);
      return page(request, reply, rows, { limit, after: (row) => String(row.id) }).map(viewEvent);
    },
  );
}
