import { BerthError } from "@berth/core/base/errors";
import type { FastifyReply } from "fastify";
import type { Static } from "typebox";
import { answer } from "../schemas/answers.js";
import { problems } from "../schemas/problem.js";
import { HEARD_EXAMPLE, Heard, ReportBody, reportOf } from "../schemas/registry.js";
import type { App, Services } from "../services.js";

/** A report of an agent with its card. What has no token's form is refused before any of it is read. In bytes. */
const REPORT_BYTES = 24 * 1_024;
/** An agent that misses one or two of its beats isn't silent yet. */
const BEATS_IN_SILENCE = 3;

/** What the agents in workspaces call, each with the token of its generation. */
export function registryRoutes(app: App, { heartbeats, config }: Services): void {
  const hear = async (
    body: Static<typeof ReportBody>,
    token: string | undefined,
    reply: FastifyReply,
  ): Promise<Static<typeof Heard>> => {
    const taken = await heartbeats.beat(reportOf(body, token!));
    if (taken.outcome === "stale") {
      void reply.header("www-authenticate", 'Bearer realm="Berth", error="invalid_token"');
      // Nothing of the workspace is told: whoever asks has shown no right to know whether there is one.
      throw new BerthError(
        "stale_generation",
        "this token is not that of the workspace's current generation: whoever has it was replaced or stopped, and may end",
        { workspace_id: body.workspace_id },
      );
    }
    return {
      workspace_id: body.workspace_id,
      status: taken.status,
      generation: taken.generation,
      next_heartbeat_s: config.agentSilentMs / BEATS_IN_SILENCE / 1_000,
    };
  };
  const shape = {
    tags: ["registry"],
    security: [{ workspace: [] }],
    body: ReportBody,
    response: {
      200: answer("It is recorded.", Heard, HEARD_EXAMPLE),
      ...problems("invalid_request", "stale_generation"),
    },
  };

  app.post(
    "/registry/register",
    {
      config: { access: "workspace", unlimited: true, bodyBytes: REPORT_BYTES },
      schema: {
        ...shape,
        operationId: "registerAgent",
        summary: "Register an agent",
        description:
          "Once the agent serves: a workspace that awaits its agent is online from then on. Asking again changes nothing.",
      },
    },
    (request, reply) => hear(request.body, request.caller.token, reply),
  );

  app.post(
    "/registry/heartbeat",
    {
      config: { access: "workspace", unlimited: true, bodyBytes: REPORT_BYTES },
      // Thousands a second; what fails is still told.
      logLevel: "warn",
      schema: {
        ...shape,
        operationId: "sendHeartbeat",
        summary: "Say that an agent is alive",
        description:
          "Recorded when it is answered. An agent that is silent for long is taken for dead, and its workspace is restarted.",
      },
    },
    (request, reply) => hear(request.body, request.caller.token, reply),
  );
}
