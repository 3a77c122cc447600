import { defined } from "@berth/core/base/defined";
import type { Operation as OperationRow } from "@berth/core/db/operations";
import { findOperations, listOperations, partsOf, unfinishedParts } from "@berth/core/db/operation-lists";
import { listResources } from "@berth/core/db/resources";
import { OPERATION_KINDS, OPERATION_STATES, SOURCES } from "@berth/core/domain/operation";
import { BACKENDS } from "@berth/core/domain/backend";
import { requireOperation } from "@berth/core/requests/cancel";
import Type from "typebox";
import { preferredWait } from "../../http/prefer.js";
import { cursor, page, pageOf, positionOf, readCursor } from "../../http/pages.js";
import { requireWorkspace } from "../../http/require-workspace.js";
import { answer, NEXT_PAGE, WAITED } from "../../schemas/answers.js";
import { IdParams, PAGE, pageQuery, query, ref, uuid, WaitHeaders } from "../../schemas/common.js";
import { DONE_EXAMPLE, RESOURCE_EXAMPLE } from "../../schemas/examples.js";
import { expecting } from "../../schemas/expected.js";
import { CREATED, LABEL_FILTER, oneOrMore, readFilters } from "../../schemas/filters.js";
import { FollowedOperation, Operation, OperationParams, viewOperation } from "../../schemas/operation.js";
import { problems } from "../../schemas/problem.js";
import { Resource, viewResource } from "../../schemas/resource.js";
import type { App, Services } from "../../services.js";

const FindQuery = query({
  state: Type.Optional(oneOrMore(OPERATION_STATES, "Only those in one of these states.")),
  kind: Type.Optional(oneOrMore(OPERATION_KINDS, "Only those of one of these kinds.")),
  source: Type.Optional(oneOrMore(SOURCES, "Only those that were asked for from there.")),
  requested_by: Type.Optional(
    expecting("a name", Type.String({ minLength: 1, maxLength: 128, description: "Only this caller's." })),
  ),
  backend: Type.Optional(oneOrMore(BACKENDS, "Only of workspaces on one of these backends.")),
  label: Type.Optional(LABEL_FILTER),
  part_of: Type.Optional(uuid("Only the parts of this one: the operations of descendants in its cascade.")),
  ...CREATED,
  ...PAGE,
});

const AMISS_SHOWN = 100;

/** Operations, and what was made by them. */
export function operationReadRoutes(app: App, services: Services): void {
  const { pool, requests, waiting } = services;
  const followed = async (operation: OperationRow) => {
    const parts = await partsOf(pool, operation.id, AMISS_SHOWN);
    return {
      ...viewOperation(operation),
      parts: parts === null ? null : { ...parts, amiss: parts.amiss.map(viewOperation) },
    };
  };

  app.get(
    "/operations",
    {
      config: { access: "viewer", tenants: "labels" },
      schema: {
        operationId: "listOperations",
        summary: "List operations",
        description:
          "Of all workspaces, newest first; all that is given must be so. Follow `Link`: where few pass the filter, pages " +
          "are shorter than their limit, even empty.",
        tags: ["operations"],
        querystring: FindQuery,
        response: {
          200: answer("A page.", Type.Array(ref(Operation)), [DONE_EXAMPLE], NEXT_PAGE),
          ...problems("invalid_request"),
        },
      },
    },
    async (request, reply) => {
      const { state, kind, source, requested_by, backend, part_of, limit = 100, after } = request.query;
      const found = await findOperations(pool, {
        ...defined({
          states: state,
          kinds: kind,
          sources: source,
          requestedBy: requested_by,
          backends: backend,
          partOf: part_of,
        }),
        ...readFilters(request.query),
        after: positionOf(after),
        limit,
      });
      return pageOf(request, reply, found, limit).map(viewOperation);
    },
  );

  app.get(
    "/operations/:id",
    {
      config: { access: "viewer", tenants: "operation" },
      schema: {
        operationId: "getOperation",
        summary: "Read an operation",
        description:
          "With `Prefer: wait=N` answered once it and its parts have ended, or after N seconds, as it is then: look at its " +
          "state, and at `parts`.",
        tags: ["operations"],
        params: OperationParams,
        headers: WaitHeaders,
        response: {
          200: answer(
            "The operation.",
            FollowedOperation,
            { ...DONE_EXAMPLE, parts: null },
            { "Preference-Applied": WAITED["Preference-Applied"] },
          ),
          ...problems("invalid_id", "operation_not_found"),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const operation = await requireOperation(requests, id);
      const seconds = preferredWait(request.headers["prefer"] as string | undefined);
      if (seconds === null || seconds === 0) return followed(operation);
      void reply.header("preference-applied", `wait=${seconds}`);
      const awaited = [operation.id, ...(await unfinishedParts(pool, id))];
      request.endTurn();
      const ended = await waiting.wait(awaited, {
        timeoutMs: seconds * 1_000,
        signal: request.signal,
        caller: request.caller,
      });
      return followed(ended ? await requireOperation(requests, id) : operation);
    },
  );

  app.get(
    "/workspaces/:id/operations",
    {
      config: { access: "viewer", tenants: "workspace" },
      schema: {
        operationId: "listWorkspaceOperations",
        summary: "List a workspace's operations",
        description: "Newest first.",
        tags: ["operations"],
        params: IdParams,
        querystring: pageQuery,
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
      const { id } = await requireWorkspace(services, request.params.id);
      const rows = await listOperations(pool, { workspaceId: id, ...before, limit: limit + 1 });
      return page(request, reply, rows, { limit, after: (row) => cursor(String(row.ticket)) }).map(
        viewOperation,
      );
    },
  );

  app.get(
    "/workspaces/:id/resources",
    {
      config: { access: "viewer", tenants: "workspace" },
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
      if (rows.length === 0) await requireWorkspace(services, id);
      return rows.map(viewResource);
    },
  );
}
