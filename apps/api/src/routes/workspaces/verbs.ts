import { removeWorkspace } from "@berth/core/requests/delete";
import { requestRestart } from "@berth/core/requests/restart";
import Type from "typebox";
import { etagOf } from "../../http/etag.js";
import { outcome } from "../../http/await-operations.js";
import { requesterOf } from "../../http/requester.js";
import { answer, LOCATION, Removal, WAITED, WorkspaceAndOperation } from "../../schemas/answers.js";
import { IdParams, strictObject, RequestHeaders } from "../../schemas/common.js";
import { DELETE_EXAMPLE, DONE_EXAMPLE, ONLINE_EXAMPLE, RESTART_EXAMPLE } from "../../schemas/examples.js";
import { expecting } from "../../schemas/expected.js";
import { viewOperation } from "../../schemas/operation.js";
import { problems } from "../../schemas/problem.js";
import { viewWorkspace } from "../../schemas/workspace.js";
import type { App, Services } from "../../services.js";
import { existing } from "./crud.js";

const TAGS = ["workspaces"];
const REMOVAL_EXAMPLE = {
  id: ONLINE_EXAMPLE.id,
  status: "removed",
  cascade_deleted: 0,
  purged: false,
  operation: DELETE_EXAMPLE,
  operations: [DELETE_EXAMPLE],
};

const RestartBody = strictObject(
  {
    if_busy: Type.Optional(
      Type.Enum(["coalesce", "reject"], {
        description:
          "While another operation is unfinished: be served by the restart that waits (the default), or get a 409.",
      }),
    ),
  },
  { examples: [{ if_busy: "coalesce" }] },
);

const flag = (description: string) =>
  Type.Optional(expecting("true or false", Type.Boolean({ description })));
const RemoveQuery = Type.Object(
  {
    cascade: flag("Its descendants too; without it a workspace that has any is refused."),
    confirm: flag("The same as `cascade`."),
    purge: flag("Delete its rows as well, once everything is proven gone; ledger and events stay."),
  },
  { additionalProperties: false },
);

export function workspaceLifecycleRoutes(app: App, services: Services): void {
  const { requests } = services;

  app.post(
    "/workspaces/:id/restart",
    {
      config: { access: "operator" },
      // The body may be left out.
      preValidation: async (request) => {
        (request as { body: unknown }).body ??= {};
      },
      schema: {
        operationId: "restartWorkspace",
        summary: "Restart a workspace",
        description:
          "Stop, then start with the same volume. Of many calls at once, at most one runs and one waits; each is " +
          "answered with the operation that begins after it.",
        tags: TAGS,
        params: IdParams,
        headers: RequestHeaders,
        body: RestartBody,
        response: {
          202: answer(
            "Accepted.",
            WorkspaceAndOperation,
            { ...ONLINE_EXAMPLE, operation: RESTART_EXAMPLE },
            LOCATION,
          ),
          200: answer(
            "It has been restarted: with `Prefer: wait=N`.",
            WorkspaceAndOperation,
            { ...ONLINE_EXAMPLE, operation: { ...DONE_EXAMPLE, kind: "restart" } },
            WAITED,
          ),
          ...problems(
            "invalid_request",
            "invalid_id",
            "workspace_not_found",
            "illegal_transition",
            "precondition_failed",
            "busy",
            "operation_cancelled",
            "operation_failed",
            "stop_retry_exhausted",
          ),
        },
      },
    },
    async (request, reply) => {
      const { if_busy } = request.body;
      const accepted = await requestRestart(requests, request.params.id, {
        ...requesterOf(request),
        ...(if_busy === undefined ? {} : { ifBusy: if_busy }),
      });
      const ended = await outcome(services, request, reply, [accepted.operation]);
      const workspace = ended === null ? accepted.workspace : await existing(services, accepted.workspace.id);
      void reply.header("etag", etagOf(workspace.version));
      return { ...viewWorkspace(workspace), operation: viewOperation(ended?.[0] ?? accepted.operation) };
    },
  );

  app.delete(
    "/workspaces/:id",
    {
      config: { access: "operator" },
      schema: {
        operationId: "deleteWorkspace",
        summary: "Delete a workspace",
        description:
          "Marks it, and with `cascade` its descendants, removed at once; operations then stop what runs and remove " +
          "what is kept. Asked again it drives what is unfinished of the tree, and nothing else.",
        tags: TAGS,
        params: IdParams,
        headers: RequestHeaders,
        querystring: RemoveQuery,
        response: {
          202: answer("Accepted.", Removal, REMOVAL_EXAMPLE, LOCATION),
          200: answer(
            "Nothing of the tree is left to do: with `Prefer: wait=N`, or when asked again.",
            Removal,
            { ...REMOVAL_EXAMPLE, operation: null, operations: [] },
            WAITED,
          ),
          ...problems(
            "invalid_request",
            "invalid_id",
            "workspace_not_found",
            "has_children",
            "precondition_failed",
            "not_purgeable",
            "operation_failed",
            "terminate_retry_exhausted",
          ),
        },
      },
    },
    async (request, reply) => {
      const { cascade = false, confirm = false, purge = false } = request.query;
      const removal = await removeWorkspace(requests, request.params.id, {
        cascade: cascade || confirm,
        purge,
        ...requesterOf(request),
      });
      const ended =
        removal.operations.length === 0 ? [] : await outcome(services, request, reply, removal.operations);
      const operations = ended ?? removal.operations;
      const own = operations.find((operation) => operation.id === removal.operation?.id);
      return {
        id: removal.workspace.id,
        status: "removed" as const,
        cascade_deleted: removal.cascadeDeleted,
        purged: removal.purged,
        operation: own === undefined ? null : viewOperation(own),
        operations: operations.map(viewOperation),
      };
    },
  );
}
