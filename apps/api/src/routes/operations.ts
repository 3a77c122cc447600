import { getOperation, listOperations } from "@berth/core/db/operations";
import { listResources } from "@berth/core/db/resources";
import { getWorkspace } from "@berth/core/db/workspaces";
import { BerthError } from "@berth/core/errors";
import Type from "typebox";
import { cursor, page, readCursor } from "../pages.js";
import { answer, NEXT_PAGE } from "../schemas/answers.js";
import { AFTER, IdParams, LIMIT, ref, uuid } from "../schemas/common.js";
import { DONE_EXAMPLE, RESOURCE_EXAMPLE } from "../schemas/examples.js";
import { Operation, viewOperation } from "../schemas/operation.js";
import { problems } from "../schemas/problem.js";
import { Resource, viewResource } from "../schemas/resource.js";
import type { App, Services } from "../services.js";
import { existing } from "./workspaces.js";

const PageQuery = Type.Object(
  { limit: Type.Optional(LIMIT), after: Type.Optional(AFTER) },
  { additionalProperties: false },
);

export function operationRoutes(app: App, services: Services): void {
  const { pool } = services;

  app.get(
    "/operations/:id",
    {
      config: { access: "viewer" },
      schema: {
        operationId: "getOperation",
        summary: "Read an operation",
        tags: ["operations"],
        params: Type.Object({ id: uuid("Id of the operation.") }),
        response: {
          200: answer("The operation.", ref(Operation), DONE_EXAMPLE),
          ...problems("invalid_id", "operation_not_found"),
        },
      },
    },
    async (request) => {
      const { id } = request.params;
      const operation = await getOperation(pool, id);
      if (operation === null)
        throw new BerthError("operation_not_found", `there is no operation ${id}`, { operation_id: id });
      return viewOperation(operation);
    },
  );

  app.get(
    "/workspaces/:id/operations",
    {
      config: { access: "viewer" },
      schema: {
        operationId: "listWorkspaceOperations",
        summary: "List a workspace's operations",
        description: "Newest first.",
        tags: ["operations"],
        params: IdParams,
        querystring: PageQuery,
        response: {
          200: answer("A page.", Type.Array(ref(Operation)), [DONE_EXAMPLE], NEXT_PAGE),
          ...problems("invalid_request", "invalid_id", "workspace_not_found"),
        },
      },
    },
    async (request, reply) => {
      const { limit = 100, after } = request.query;
      const before =
        after === undefined ? {} : { beforeTicket: Number(readCursor(after, /^(\d{1,15})$/)[0]) };
      const { id } = await existing(services, request.params.id);
      const rows = await listOperations(pool, { workspaceId: id, ...before, limit: limit + 1 });
      return page(request, reply, rows, { limit, after: (row) => cursor(String(row.ticket)) }).map(
        viewOperation,
      );
    },
  );

  app.get(
    "/workspaces/:id/resources",
    {
      config: { access: "viewer" },
      schema: {
        operationId: "listWorkspaceResources",
        summary: "List what was made for a workspace",
        description: "The ledger, newest first. It outlives a purge of the workspace.",
        tags: ["operations"],
        params: IdParams,
        response: {
          200: answer("Its ledger.", Type.Array(ref(Resource)), [RESOURCE_EXAMPLE]),
          ...problems("invalid_id", "workspace_not_found"),
        },
      },
    },
    async (request) => {
      const { id } = request.params;
      const rows = await listResources(pool, id);
      if (rows.length === 0 && (await getWorkspace(pool, id)) === null)
        throw new BerthError("workspace_not_found", `there is no workspace ${id}`, { workspace_id: id });
      return rows.map(viewResource);
    },
  );
}
