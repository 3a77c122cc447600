import type { AgentReport } from "@berth/core/agents/heartbeat";
import Type, { type Static } from "typebox";
import { strictObject, uuid } from "./common.js";
import { expecting } from "./expected.js";

const MAX_INT4 = 2 ** 31 - 1;
/** Far beyond any machine's uptime. */
const MAX_UPTIME_S = 1e10;

const EXAMPLE = {
  workspace_id: "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f",
  active_tasks: 2,
  error_rate: 0.02,
  uptime_s: 312.5,
};

/** What an agent says, when it registers as well as later. A figure that is left out stays as it was. */
export const ReportBody = strictObject(
  {
    workspace_id: uuid("`BERTH_WORKSPACE_ID`, as the instance was given it."),
    active_tasks: Type.Optional(
      expecting(
        `a whole number from 0 to ${MAX_INT4}`,
        Type.Integer({
          minimum: 0,
          maximum: MAX_INT4,
          description: "What it works on now: 0 counts as idle.",
        }),
      ),
    ),
    error_rate: Type.Optional(
      expecting(
        "a number from 0 to 1",
        Type.Number({
          minimum: 0,
          maximum: 1,
          description: "Share of its work that failed of late. From 0.5 on the workspace is `degraded`.",
        }),
      ),
    ),
    uptime_s: Type.Optional(
      expecting(
        `a number of seconds from 0 to ${MAX_UPTIME_S}`,
        Type.Number({ minimum: 0, maximum: MAX_UPTIME_S, description: "How long it has run, in seconds." }),
      ),
    ),
  },
  { examples: [EXAMPLE] },
);

export const Heard = Type.Object({
  workspace_id: uuid(),
  status: Type.String({ description: "The workspace's status after it." }),
  generation: Type.Integer({ description: "The generation that the token is of: the current one." }),
  next_heartbeat_s: Type.Number({ description: "When the next is expected, in seconds from now." }),
});

export const HEARD_EXAMPLE = {
  workspace_id: EXAMPLE.workspace_id,
  status: "online",
  generation: 3,
  next_heartbeat_s: 30,
};

export function reportOf(body: Static<typeof ReportBody>, token: string): AgentReport {
  return {
    workspaceId: body.workspace_id,
    token,
    activeTasks: body.active_tasks,
    errorRate: body.error_rate,
    uptimeSeconds: body.uptime_s,
  };
}
