import { why, type Why as Reason } from "@berth/core/operations/why";
import { OPERATION_KINDS, OPERATION_STATES } from "@berth/core/domain/operation";
import { STATUSES } from "@berth/core/domain/status";
import Type, { type Static } from "typebox";
import { answer } from "../../schemas/answers.js";
import { IdParams, iso, nullable, time, uuid } from "../../schemas/common.js";
import { OPERATION_EXAMPLE } from "../../schemas/examples.js";
import { Failure } from "../../schemas/operation.js";
import { problems } from "../../schemas/problem.js";
import type { App, Services } from "../../services.js";

const Why = Type.Object({
  summary: Type.String({ description: "In words." }),
  status: Type.Enum([...STATUSES]),
  status_reason: nullable(Type.String()),
  operation: nullable(
    Type.Object({
      id: uuid(),
      kind: Type.Enum([...OPERATION_KINDS]),
      state: Type.Enum([...OPERATION_STATES]),
      phase: nullable(Type.String()),
      attempt: Type.Integer(),
      max_attempts: Type.Integer(),
      next_attempt_at: nullable(time("When the next attempt is due.")),
      waiting_behind: Type.Integer({ description: "How many of its operations wait behind this one." }),
    }),
    { description: "The one that runs, or is next." },
  ),
  waits_for: nullable(Type.Enum(["worker", "place", "retry", "provider", "agent", "operator", "sweep"]), {
    description: "What the next step waits for; null: it is where it should be.",
  }),
  next_attempt_at: nullable(time("When that is next tried."), {
    description: "Null: nothing is waited for that has a time.",
  }),
  held: Type.Array(
    Type.Object({
      sweep: Type.String(),
      since: time("Since when."),
      what: Type.String({ description: "What the sweep would do." }),
      approve: Type.String({ description: "The call that lets it." }),
    }),
    { description: "What a sweep's breaker holds back of it." },
  ),
  last_error: nullable(Failure),
  obligations: Type.Array(
    Type.Object({
      id: uuid("As in /leaks."),
      kind: Type.Enum(["instance", "volume", "dns_record"]),
      provider_id: nullable(Type.String()),
      attempts: Type.Integer(),
      next_attempt_at: nullable(time("When removing it is tried next.")),
      last_error: nullable(Failure),
    }),
    { description: "What of it is to go and isn't proven gone." },
  ),
});

const TROUBLE = { code: "provider_timeout", message: "no answer within 30 s", provider_code: null };
const EXAMPLE = {
  summary:
    "It is provisioning: its provision (attempt 2 of 5) failed and is tried again at 2026-11-21T09:30:04.000Z. " +
    "Its last error: provider_timeout: no answer within 30 s.",
  status: "provisioning",
  status_reason: null,
  operation: {
    id: OPERATION_EXAMPLE.id,
    kind: "provision",
    state: "running",
    phase: "launch",
    attempt: 2,
    max_attempts: 5,
    next_attempt_at: "2026-11-21T09:30:04.000Z",
    waiting_behind: 0,
  },
  waits_for: "retry",
  next_attempt_at: "2026-11-21T09:30:04.000Z",
  held: [],
  last_error: TROUBLE,
  obligations: [],
};

export function whyRoutes(app: App, { pool }: Services): void {
  app.get(
    "/workspaces/:id/why",
    {
      config: { access: "viewer", tenants: "workspace" },
      schema: {
        operationId: "explainWorkspace",
        summary: "Why isn't a workspace where it should be?",
        description: "What it is at, what that waits for, and what went wrong last, in words and in fields.",
        tags: ["workspaces"],
        params: IdParams,
        response: { 200: answer("Why.", Why, EXAMPLE), ...problems("invalid_id", "workspace_not_found") },
      },
    },
    async (request) => view(await why(pool, request.params.id)),
  );
}

function view(reason: Reason): Static<typeof Why> {
  const { operation, obligations } = reason;
  return {
    summary: reason.summary,
    status: reason.status,
    status_reason: reason.status_reason,
    operation: operation === null ? null : { ...operation, next_attempt_at: iso(operation.next_attempt_at) },
    waits_for: reason.waits_for,
    next_attempt_at: iso(reason.next_attempt_at),
    held: reason.held.map((one) => ({ ...one, since: new Date(one.since).toISOString() })),
    last_error: reason.last_error,
    obligations: obligations.map((one) => ({ ...one, next_attempt_at: iso(one.next_attempt_at) })),
  } as Static<typeof Why>;
}
