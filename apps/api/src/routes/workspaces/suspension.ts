import type { Accepted } from "@berth/core/requests/accept";
import { requestHibernate, requestPause, type Suspension as Suspended } from "@berth/core/requests/suspend";
import { requestResume } from "@berth/core/requests/resume";
import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import { etagOf } from "../../http/etag.js";
import { NoBody, withoutBody } from "../../http/no-body.js";
import { outcome } from "../../http/await-operations.js";
import { requesterOf } from "../../http/requester.js";
import { answer, LOCATION, Suspension, WAITED, WorkspaceAndOperation } from "../../schemas/answers.js";
import { IdParams, strictObject, RequestHeaders } from "../../schemas/common.js";
import { DONE_EXAMPLE, ONLINE_EXAMPLE, OPERATION_EXAMPLE } from "../../schemas/examples.js";
import { expecting } from "../../schemas/expected.js";
import { viewOperation } from "../../schemas/operation.js";
import { problems } from "../../schemas/problem.js";
import { viewWorkspace } from "../../schemas/workspace.js";
import type { App, Services } from "../../services.js";
import { existing } from "./crud.js";

const HibernateBody = strictObject(
  {
    force: Type.Optional(
      expecting(
        "true or false",
        Type.Boolean({ description: "Even if agents of the tree have active tasks." }),
      ),
    ),
  },
  { examples: [{ force: false }] },
);

const REFUSALS = [
  "invalid_request",
  "invalid_id",
  "workspace_not_found",
  "illegal_transition",
  "precondition_failed",
  "operation_cancelled",
  "operation_failed",
] as const;

function suspendAnswers(kind: "pause" | "hibernate", status: "paused" | "hibernated") {
  const operation = { ...OPERATION_EXAMPLE, ticket: 2, kind };
  const done = { ...DONE_EXAMPLE, ticket: 2, kind, generation: null };
  return {
    202: answer(
      "Accepted.",
      Suspension,
      { ...ONLINE_EXAMPLE, operation, operations: [operation], cascaded: 0 },
      LOCATION,
    ),
    200: answer(
      `The whole tree is ${status}: with \`Prefer: wait=N\`.`,
      Suspension,
      { ...ONLINE_EXAMPLE, status, instance_id: null, operation: done, operations: [done], cascaded: 0 },
      WAITED,
    ),
  };
}

/** Stopping workspaces that keep their volumes, and starting them again. */
export function suspensionRoutes(app: App, services: Services): void {
  const { requests } = services;

  const settle = async (
    request: FastifyRequest,
    reply: FastifyReply,
    accepted: Accepted,
    all = [accepted.operation],
  ) => {
    const ended = await outcome(services, request, reply, all);
    const workspace = ended === null ? accepted.workspace : await existing(services, accepted.workspace.id);
    void reply.header("etag", etagOf(workspace.version));
    return { workspace: viewWorkspace(workspace), operations: (ended ?? all).map(viewOperation) };
  };
  const suspended = async (request: FastifyRequest, reply: FastifyReply, accepted: Suspended) => {
    const { workspace, operations } = await settle(request, reply, accepted, accepted.operations);
    return { ...workspace, operation: operations[0]!, operations, cascaded: accepted.cascaded };
  };

  app.post(
    "/workspaces/:id/pause",
    {
      config: { access: "operator" },
      preValidation: withoutBody,
      schema: {
        operationId: "pauseWorkspace",
        summary: "Pause a workspace and its descendants",
        description:
          "Stops them and keeps their volumes. Nothing but `resume` starts them again. Asked again while it is under " +
          "way, it is answered with the pause that is.",
        tags: ["workspaces"],
        params: IdParams,
        headers: RequestHeaders,
        body: NoBody,
        response: { ...suspendAnswers("pause", "paused"), ...problems(...REFUSALS, "stop_retry_exhausted") },
      },
    },
    async (request, reply) => {
      return suspended(request, reply, await requestPause(requests, request.params.id, requesterOf(request)));
    },
  );

  app.post(
    "/workspaces/:id/hibernate",
    {
      config: { access: "operator" },
      preValidation: withoutBody,
      schema: {
        operationId: "hibernateWorkspace",
        summary: "Hibernate a workspace and its descendants",
        description:
          "Like `pause`, for what isn't needed now. Refused while an agent of the tree has active tasks, unless forced.",
        tags: ["workspaces"],
        params: IdParams,
        headers: RequestHeaders,
        body: HibernateBody,
        response: {
          ...suspendAnswers("hibernate", "hibernated"),
          ...problems(...REFUSALS, "has_active_tasks", "stop_retry_exhausted"),
        },
      },
    },
    async (request, reply) => {
      const { force = false } = request.body;
      const accepted = await requestHibernate(requests, request.params.id, {
        ...requesterOf(request),
        force,
      });
      return suspended(request, reply, accepted);
    },
  );

  const start = (
    verb: "resume" | "wake",
    operationId: string,
    summary: string,
    description: string,
  ): void => {
    const operation = { ...OPERATION_EXAMPLE, ticket: 3, kind: "resume" };
    app.post(
      `/workspaces/:id/${verb}`,
      {
        config: { access: "operator" },
        preValidation: withoutBody,
        schema: {
          operationId,
          summary,
          description,
          tags: ["workspaces"],
          params: IdParams,
          headers: RequestHeaders,
          body: NoBody,
          response: {
            202: answer(
              "Accepted.",
              WorkspaceAndOperation,
              { ...ONLINE_EXAMPLE, status: "paused", instance_id: null, operation },
              LOCATION,
            ),
            200: answer(
              "It runs: with `Prefer: wait=N`.",
              WorkspaceAndOperation,
              {
                ...ONLINE_EXAMPLE,
                generation: 2,
                operation: { ...DONE_EXAMPLE, ticket: 3, kind: "resume", generation: 2 },
              },
              WAITED,
            ),
            ...problems(...REFUSALS, "ancestor_suspended", "quota_exceeded"),
          },
        },
      },
      async (request, reply) => {
        const accepted = await requestResume(requests, request.params.id, requesterOf(request));
        const { workspace, operations } = await settle(request, reply, accepted);
        return { ...workspace, operation: operations[0]! };
      },
    );
  };
  start(
    "resume",
    "resumeWorkspace",
    "Start a paused or hibernated workspace again",
    "With its volume, in the next generation. Its descendants stay as they are; its ancestors must run.",
  );
  start("wake", "wakeWorkspace", "Wake a hibernated workspace", "The same as `resume`.");
}
