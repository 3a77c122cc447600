import { hasCompute } from "@berth/core/domain/backend";
import { BerthError } from "@berth/core/base/errors";
import { instanceWithLogs, POSITION } from "@berth/core/agents/logs";
import Type from "typebox";
import { REVOKED_WITHIN_MS, type Keyring } from "../../auth/keyring.js";
import { createShares } from "../../limits/shares.js";
import { askForLogs } from "../../log-jobs.js";
import { preferredWait } from "../../http/prefer.js";
import { answer } from "../../schemas/answers.js";
import { IdParams } from "../../schemas/common.js";
import { Logs, LOGS_EXAMPLE, LogsHeaders, LogsQuery, STREAM_EXAMPLE } from "../../schemas/logs.js";
import { problems } from "../../schemas/problem.js";
import { requireWorkspace } from "../../http/require-workspace.js";
import type { App, Services } from "../../services.js";

const WAIT_S = 10;

export function logRoutes(app: App, services: Services, keyring: Keyring): void {
  const { pool, queues, following, config } = services;
  const shares = createShares(config.logFollowers, "followers of logs", "too_many_followers");
  const json = answer("The last lines; with `follow` a stream.", Logs, LOGS_EXAMPLE);

  app.get(
    "/workspaces/:id/logs",
    {
      // A HEAD of a stream would be one without an end.
      exposeHeadRoute: false,
      // What programs write holds what they were given, secrets too.
      config: { access: "operator", tenants: "workspace", audited: true },
      schema: {
        operationId: "readLogs",
        summary: "Read or follow what a workspace writes",
        description:
          "A worker asks the backend. Logs end with their instance. With `follow`, events: `logs` (backend and " +
          "generation, at the beginning and after each restart), `line`, `gap` (lines are missing), `trouble` (a worker " +
          "or the provider doesn't answer; it is asked again) and `end` (`removed`, `time`, `shutdown` or `key_refused`). A cut " +
          "stream is gone on with by `Last-Event-ID`.",
        tags: ["workspaces"],
        params: IdParams,
        headers: LogsHeaders,
        querystring: LogsQuery,
        response: {
          200: {
            ...json,
            content: {
              ...json.content,
              "text/event-stream": {
                schema: Type.String(),
                examples: { example: { value: STREAM_EXAMPLE } },
              },
            },
          },
          ...problems(
            "invalid_request",
            "invalid_id",
            "workspace_not_found",
            "no_logs",
            "logs_elsewhere",
            "no_worker",
            "queues_unavailable",
            "backend_unavailable",
            "provider_unavailable",
            "provider_timeout",
            "too_many_followers",
          ),
        },
      },
    },
    async (request, reply) => {
      const workspaceId = request.params.id;
      const { keyId } = request.caller;
      const { tail = 100, follow = false } = request.query;
      const workspace = await requireWorkspace(services, workspaceId);
      if (!hasCompute(workspace.backend))
        throw new BerthError(
          "logs_elsewhere",
          `backend ${workspace.backend} runs elsewhere: read its logs where it runs${workspace.url === null ? "" : `, at ${workspace.url}`}`,
          { workspace_id: workspaceId, backend: workspace.backend },
        );
      // No worker is needed to tell that.
      const ended = !follow || workspace.status === "removed";
      if (ended && (await instanceWithLogs(pool, workspaceId)) === null)
        throw new BerthError(
          "no_logs",
          `the workspace is ${workspace.status} and has no instance now; logs end with their instance`,
          { workspace_id: workspaceId, status: workspace.status },
        );
      const waitS = preferredWait(request.headers.prefer);
      if (follow) {
        const open = () =>
          following.follow({
            workspaceId,
            place: workspace.place,
            tail,
            since: positionOf(request.headers["last-event-id"]),
            limitMs: waitS === null ? config.logFollowMs : Math.min(waitS * 1_000, config.logFollowMs),
            isAllowed: async () => (await keyring.byId(keyId)) !== null,
            aliveEveryMs: REVOKED_WITHIN_MS,
          });
        const out = await shares.hold(request.caller, open);
        return reply.type("text/event-stream; charset=utf-8").header("x-accel-buffering", "no").send(out);
      }
      request.endTurn();
      const { backend, generation, truncated, lines } = await askForLogs(
        { pool, queues },
        workspace.place,
        { workspaceId, tail, since: null, wholeLines: false },
        { timeoutMs: (waitS ?? WAIT_S) * 1_000, signal: request.signal },
      );
      return { workspace_id: workspaceId, backend, generation, truncated, lines };
    },
  );
}

/** As elsewhere with such streams, an id that isn't ours counts as none. */
function positionOf(lastEventId: string | undefined): string | null {
  return lastEventId !== undefined && POSITION.test(lastEventId) ? lastEventId : null;
}
