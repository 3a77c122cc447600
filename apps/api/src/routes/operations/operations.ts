import {
  findOperations,
  getOperation,
  listOperations,
  type Operation as OperationRow,
} from "@berth/core/db/operations";
import { listResources } from "@berth/core/db/resources";
import { getWorkspace } from "@berth/core/db/workspaces";
import { OPERATION_KINDS, OPERATION_STATES, SOURCES } from "@berth/core/domain/operation";
import { BACKENDS } from "@berth/core/domain/backend";
import { BerthError } from "@berth/core/base/errors";
import { cancelOperation } from "@berth/core/requests/cancel";
import { retryOperation } from "@berth/core/requests/retry";
import Type from "typebox";
import { NoBody, withoutBody } from "../../http/no-body.js";
import { outcome } from "../../http/await-operations.js";
import { preferredWait } from "../../http/prefer.js";
import { cursor, page, pageOf, positionOf, readCursor } from "../../http/pages.js";
import { requesterOf } from "../../http/requester.js";
import { answer, LOCATION, NEXT_PAGE, WAITED } from "../../schemas/answers.js";
import { AFTER, IdParams, LIMIT, ref, RequestHeaders, uuid, WaitHeaders } from "../../schemas/common.js";
import { DONE_EXAMPLE, OPERATION_EXAMPLE, RESOURCE_EXAMPLE } from "../../schemas/examples.js";
import { expecting } from "../../schemas/expected.js";
import { CREATED, LABEL_FILTER, oneOrMore, readFilters } from "../../schemas/filters.js";
import { Operation, viewOperation } from "../../schemas/operation.js";
import { problems } from "../../schemas/problem.js";
import { Resource, viewResource } from "../../schemas/resource.js";
import type { App, Services } from "../../services.js";
import { existing } from "../workspaces/crud.js";

const IdOfOperation = Type.Object({ id: uuid("Id of the operation.") });
const RETRIED = "9a3d1c47-5e28-4f60-b1a9-3c7d2e8f0b61";
const CANCELLED_EXAMPLE = {
  ...OPERATION_EXAMPLE,
  state: "cancelled",
  error: { code: "operation_cancelled", message: "cancelled by admin", provider_code: null },
  finished_at: OPERATION_EXAMPLE.created_at,
};

const PageQuery = Type.Object(
  { limit: Type.Optional(LIMIT), after: Type.Optional(AFTER) },
  { additionalProperties: false },
);

const FindQuery = Type.Object(
  {
    state: Type.Optional(oneOrMore(OPERATION_STATES, "Only those in one of these states.")),
    kind: Type.Optional(oneOrMore(OPERATION_KINDS, "Only those of one of these kinds.")),
    source: Type.Optional(oneOrMore(SOURCES, "Only those that were asked for from there.")),
    requested_by: Type.Optional(
      expecting("a name", Type.String({ minLength: 1, maxLength: 128, description: "Only this caller's." })),
    ),
    backend: Type.Optional(oneOrMore(BACKENDS, "Only of workspaces on one of these backends.")),
    label: Type.Optional(LABEL_FILTER),
    ...CREATED,
    limit: Type.Optional(LIMIT),
    after: Type.Optional(AFTER),
  },
  { additionalProperties: false },
);

export function operationRoutes(app: App, services: Services): void {
  const { pool, requests, waiting } = services;
  const existingOperation = async (id: string): Promise<OperationRow> => {
    const operation = await getOperation(pool, id);
    if (operation !== null) return operation;
    throw new BerthError("operation_not_found", `there is no operation ${id}`, { operation_id: id });
  };

  app.get(
    "/operations",
    {
      config: { access: "viewer" },
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
      const { state, kind, source, requested_by, backend, limit = 100, after } = request.query;
      const found = await findOperations(pool, {
        ...(state === undefined ? {} : { states: state }),
        ...(kind === undefined ? {} : { kinds: kind }),
        ...(source === undefined ? {} : { sources: source }),
        ...(requested_by === undefined ? {} : { requestedBy: requested_by }),
        ...(backend === undefined ? {} : { backends: backend }),
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
      config: { access: "viewer" },
      schema: {
        operationId: "getOperation",
        summary: "Read an operation",
        description:
          "With `Prefer: wait=N` answered once it has ended, or after N seconds, as it is then: look at its state.",
        tags: ["operations"],
        params: IdOfOperation,
        headers: WaitHeaders,
        response: {
          200: answer("The operation.", ref(Operation), DONE_EXAMPLE, {
            "Preference-Applied": WAITED["Preference-Applied"],
          }),
          ...problems("invalid_id", "operation_not_found"),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const operation = await existingOperation(id);
      const seconds = preferredWait(request.headers["prefer"] as string | undefined);
      if (seconds === null || seconds === 0) return viewOperation(operation);
      void reply.header("preference-applied", `wait=${seconds}`);
      const ended = await waiting.wait([operation.id], {
        timeoutMs: seconds * 1_000,
        signal: request.signal,
      });
      return viewOperation(ended ? await existingOperation(id) : operation);
    },
  );

  app.post(
    "/operations/:id/cancel",
    {
      config: { access: "operator" },
      preValidation: withoutBody,
      schema: {
        operationId: "cancelOperation",
        summary: "Cancel an operation",
        description:
          "One that waits ends at once. One that has begun stops at its next safe point; its workspace is then `failed`, " +
          "and what it launched is stopped. A delete can't be cancelled.",
        tags: ["operations"],
        params: IdOfOperation,
        headers: RequestHeaders,
        body: NoBody,
        response: {
          200: answer("It is cancelled.", ref(Operation), CANCELLED_EXAMPLE),
          202: answer("It runs, and was asked to stop.", ref(Operation), {
            ...OPERATION_EXAMPLE,
            state: "running",
            attempt: 1,
            phase: "launch",
            started_at: OPERATION_EXAMPLE.created_at,
            cancel_requested_at: OPERATION_EXAMPLE.created_at,
          }),
          ...problems(
            "invalid_request",
            "invalid_id",
            "operation_not_found",
            "not_cancellable",
            "quota_exceeded",
            "precondition_failed",
          ),
        },
      },
    },
    async (request, reply) => {
      const operation = await cancelOperation(requests, request.params.id, requesterOf(request));
      void reply.code(operation.state === "cancelled" ? 200 : 202);
      return viewOperation(operation);
    },
  );

  app.post(
    "/operations/:id/retry",
    {
      config: { access: "operator" },
      preValidation: withoutBody,
      schema: {
        operationId: "retryOperation",
        summary: "Retry an operation that failed or was cancelled",
        description:
          "Asks again for what it was to do, under the same rules. A launch that left its workspace `failed` is retried " +
          "as a restart. Refused if it hasn't failed, or a later operation has succeeded.",
        tags: ["operations"],
        params: IdOfOperation,
        headers: RequestHeaders,
        body: NoBody,
        response: {
          202: answer(
            "The operation that serves it.",
            ref(Operation),
            { ...OPERATION_EXAMPLE, ticket: 2, kind: "restart", retry_of: RETRIED },
            LOCATION,
          ),
          200: answer(
            "It has succeeded: with `Prefer: wait=N`. Or of a delete: nothing is left to do, and this is the one given.",
            ref(Operation),
            { ...DONE_EXAMPLE, ticket: 2, kind: "restart", retry_of: RETRIED },
            WAITED,
          ),
          ...problems(
            "invalid_request",
            "invalid_id",
            "operation_not_found",
            "not_retryable",
            "illegal_transition",
            "ancestor_suspended",
            "quota_exceeded",
            "has_active_tasks",
            "precondition_failed",
            "operation_cancelled",
            "operation_failed",
            "stop_retry_exhausted",
            "terminate_retry_exhausted",
          ),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const operation = await retryOperation(requests, id, requesterOf(request));
      if (operation === null) return viewOperation((await getOperation(pool, id))!);
      const ended = await outcome(services, request, reply, [operation]);
      return viewOperation(ended?.[0] ?? operation);
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
