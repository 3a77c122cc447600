import { removeWorkspace } from "@berth/core/requests/delete";
import { awaitOperations } from "../../http/await-operations.js";
import { requesterOf } from "../../http/requester.js";
import { answer, LOCATION, Removal, WAITED } from "../../schemas/answers.js";
import { flag, IdParams, query, RequestHeaders } from "../../schemas/common.js";
import { DELETE_EXAMPLE, ONLINE_EXAMPLE } from "../../schemas/examples.js";
import { viewOperation } from "../../schemas/operation.js";
import { problems } from "../../schemas/problem.js";
import type { App, Services } from "../../services.js";

const REMOVAL_EXAMPLE = {
  id: ONLINE_EXAMPLE.id,
  status: "removed",
  cascade_deleted: 0,
  purged: false,
  operation: DELETE_EXAMPLE,
  operations: [DELETE_EXAMPLE],
};

const RemoveQuery = query({
  cascade: flag("Its descendants too; without it a workspace that has any is refused."),
  confirm: flag("The same as `cascade`."),
  purge: flag("Delete its rows as well, once everything is proven gone; ledger and events stay."),
});

export function deleteRoutes(app: App, services: Services): void {
  const { requests } = services;

  app.delete(
    "/workspaces/:id",
    {
      config: { access: "operator", tenants: "tree", relieves: true },
      schema: {
        operationId: "deleteWorkspace",
        summary: "Delete a workspace",
        description:
          "Marks it, and with `cascade` its descendants, removed at once; operations then stop what runs and remove " +
          "what is kept. Asked again it drives what is unfinished of the tree, and nothing else.",
        tags: ["workspaces"],
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
        removal.operations.length === 0
          ? []
          : await awaitOperations(services, request, reply, removal.operations, removal.workspace.id);
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
