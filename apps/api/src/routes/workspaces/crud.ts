import { SPEC_BODY_BYTES } from "../../limits/bodies.js";
import { defined } from "@berth/core/base/defined";
import { agentOf } from "@berth/core/db/agents";
import { getPlace } from "@berth/core/db/places";
import type { Pool } from "@berth/core/db/pool";
import type { BackendName } from "@berth/core/domain/backend";
import { STATUSES } from "@berth/core/domain/status";
import { createWorkspace } from "@berth/core/requests/create";
import { patchWorkspace } from "@berth/core/requests/patch";
import type { FastifyReply } from "fastify";
import Type from "typebox";
import { etagOf, isKnown } from "../../http/etag.js";
import { answerAccepted } from "../../http/answer-accepted.js";
import { preferredWait } from "../../http/prefer.js";
import { requireWorkspace } from "../../http/require-workspace.js";
import { requesterOf } from "../../http/requester.js";
import { AGENT_EXAMPLE, WorkspaceWithAgent } from "../../schemas/agent.js";
import { Created, ETAG, LOCATION, WAITED, answer } from "../../schemas/answers.js";
import { ConditionHeaders, IdParams, query, ref, WaitHeaders } from "../../schemas/common.js";
import {
  DONE_EXAMPLE,
  ONLINE_EXAMPLE,
  OPERATION_EXAMPLE,
  WORKSPACE_EXAMPLE,
} from "../../schemas/examples.js";
import { oneOrMore } from "../../schemas/filters.js";
import { problems } from "../../schemas/problem.js";
import { createBody, expiryOf, PatchBody, viewWorkspace, Workspace } from "../../schemas/workspace.js";
import type { App, Services } from "../../services.js";

const TAGS = ["workspaces"];

const ReadQuery = query({
  wait_for: Type.Optional(oneOrMore(STATUSES, "Wait until it is in one of these statuses.")),
});
/** How long a status is waited for unless `Prefer` says otherwise. */
const WATCH_S = 30;
const WATCHED = { ...ETAG, "Preference-Applied": WAITED["Preference-Applied"] };

export function workspaceRoutes(app: App, services: Services): void {
  const { config, pool, requests, waiting } = services;

  app.post(
    "/workspaces",
    {
      config: { access: "operator", tenants: "create", burdens: true, bodyBytes: SPEC_BODY_BYTES },
      schema: {
        operationId: "createWorkspace",
        summary: "Create a workspace",
        description: `It is provisioned by an operation. The default backend is \`${config.backend}\`.`,
        tags: TAGS,
        headers: WaitHeaders,
        body: createBody(config.backends),
        response: {
          202: answer("Accepted.", Created, { ...WORKSPACE_EXAMPLE, operation: OPERATION_EXAMPLE }, LOCATION),
          200: answer(
            "It runs: with `Prefer: wait=N`.",
            Created,
            { ...ONLINE_EXAMPLE, operation: DONE_EXAMPLE },
            { ...WAITED, ...ETAG },
          ),
          ...problems(
            "invalid_request",
            "workspace_not_found",
            "parent_removed",
            "refused_by_policy",
            "quota_exceeded",
            "queue_full",
            "invalid_place",
            "no_place",
            "operation_failed",
          ),
        },
      },
    },
    async (request, reply) => {
      const {
        name,
        backend,
        place,
        place_labels,
        may_move,
        parent_id = null,
        labels = {},
        spec = {},
        hibernate_after_minutes = null,
        expires_at,
      } = request.body;
      const accepted = await createWorkspace(
        requests,
        {
          name: name.trim(),
          backend: backend ?? (await backendOf(pool, place)) ?? config.backend,
          ...defined({ place, place_labels, may_move }),
          parent_id,
          labels,
          spec,
          hibernate_after_minutes,
          expires_at: expiryOf(expires_at),
        },
        requesterOf(request),
      );
      const { token, ...rest } = accepted;
      const answered = await answerAccepted(services, request, reply, rest);
      return { ...answered, ...(token === null ? {} : { token }) };
    },
  );

  app.get(
    "/workspaces/:id",
    {
      config: { access: "viewer", tenants: "workspace" },
      schema: {
        operationId: "getWorkspace",
        summary: "Read a workspace",
        description:
          "With `If-None-Match`, 304 while it hasn't changed. With `wait_for` answered once it has one of these " +
          "statuses, is removed, or after 30 s or what `Prefer: wait=N` says, as it is then: look at its status.",
        tags: TAGS,
        params: IdParams,
        querystring: ReadQuery,
        headers: WaitHeaders,
        response: {
          200: answer(
            "The workspace.",
            WorkspaceWithAgent,
            { ...ONLINE_EXAMPLE, agent: AGENT_EXAMPLE },
            WATCHED,
          ),
          304: { description: "It hasn't changed.", type: "null" },
          ...problems("invalid_request", "invalid_id", "workspace_not_found"),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      let workspace = await requireWorkspace(services, id);
      const { wait_for: wanted } = request.query;
      if (wanted !== undefined) {
        const seconds = preferredWait(request.headers["prefer"] as string | undefined) ?? WATCH_S;
        void reply.header("preference-applied", `wait=${seconds}`);
        request.endTurn();
        const wait = { timeoutMs: seconds * 1_000, signal: request.signal, caller: request.caller };
        if (!wanted.includes(workspace.status) && (await waiting.waitForStatus(id, wanted, wait)))
          workspace = await requireWorkspace(services, id);
      }
      void reply.header("etag", etagOf(workspace.version));
      if (isKnown(request.headers["if-none-match"], workspace.version)) {
        const bare: FastifyReply = reply.code(304);
        return bare.send();
      }
      return { ...viewWorkspace(workspace), agent: await agentOf(pool, id) };
    },
  );

  app.patch(
    "/workspaces/:id",
    {
      config: { access: "operator", tenants: "workspace", bodyBytes: SPEC_BODY_BYTES },
      schema: {
        operationId: "patchWorkspace",
        summary: "Change a workspace",
        description:
          "A changed spec counts from the next launch: restart the workspace to apply it. Values of `spec.env` that aren't given stay.",
        tags: TAGS,
        params: IdParams,
        headers: ConditionHeaders,
        body: PatchBody,
        response: {
          200: answer("The workspace after it.", ref(Workspace), ONLINE_EXAMPLE, ETAG),
          ...problems(
            "invalid_request",
            "invalid_id",
            "workspace_not_found",
            "illegal_transition",
            "refused_by_policy",
            "quota_exceeded",
            "precondition_failed",
          ),
        },
      },
    },
    async (request, reply) => {
      const { expires_at, ...rest } = request.body;
      const changes: Parameters<typeof patchWorkspace>[2] = {
        ...rest,
        ...(expires_at === undefined ? {} : { expires_at: expiryOf(expires_at) }),
      };
      if (changes.name !== undefined) changes.name = changes.name.trim();
      const workspace = await patchWorkspace(requests, request.params.id, changes, requesterOf(request));
      void reply.header("etag", etagOf(workspace.version));
      return viewWorkspace(workspace);
    },
  );
}

/** Who names a place means its backend. */
async function backendOf(pool: Pool, place: string | undefined): Promise<BackendName | undefined> {
  return place === undefined ? undefined : (await getPlace(pool, place))?.backend;
}
