import { getOperation } from "@berth/core/db/operations";
import { cancelOperation } from "@berth/core/requests/cancel";
import { retryOperation } from "@berth/core/requests/retry";
import { awaitOperations } from "../../http/await-operations.js";
import { NoBody, withoutBody } from "../../http/no-body.js";
import { requesterOf } from "../../http/requester.js";
import { answer, LOCATION, WAITED } from "../../schemas/answers.js";
import { ref, RequestHeaders } from "../../schemas/common.js";
import { DONE_EXAMPLE, OPERATION_EXAMPLE } from "../../schemas/examples.js";
import { Operation, OperationParams, viewOperation } from "../../schemas/operation.js";
import { problems } from "../../schemas/problem.js";
import type { App, Services } from "../../services.js";

const RETRIED = "9a3d1c47-5e28-4f60-b1a9-3c7d2e8f0b61";
const CANCELLED_EXAMPLE = {
  ...OPERATION_EXAMPLE,
  state: "cancelled",
  error: { code: "operation_cancelled", message: "cancelled by admin", provider_code: null },
  finished_at: OPERATION_EXAMPLE.created_at,
};

/** Ending an operation before its time, and asking for one again. */
export function operationActRoutes(app: App, services: Services): void {
  const { pool, requests } = services;

  app.post(
    "/operations/:id/cancel",
    {
      config: { access: "operator", tenants: "operation", relieves: true },
      preValidation: withoutBody,
      schema: {
        operationId: "cancelOperation",
        summary: "Cancel an operation",
        description:
          "One that waits ends at once. One that has begun stops at its next safe point; its workspace is then `failed`, " +
          "and what it launched is stopped. A delete can't be cancelled.",
        tags: ["operations"],
        params: OperationParams,
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
      config: { access: "operator", tenants: "operation" },
      preValidation: withoutBody,
      schema: {
        operationId: "retryOperation",
        summary: "Retry an operation that failed or was cancelled",
        description:
          "Asks again for what it was to do, under the same rules. A launch that left its workspace `failed` is retried " +
          "as a restart. Refused if it hasn't failed, or a later operation has succeeded.",
        tags: ["operations"],
        params: OperationParams,
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
      const ended = await awaitOperations(services, request, reply, [operation], operation.workspace_id);
      return viewOperation(ended?.[0] ?? operation);
    },
  );
}
