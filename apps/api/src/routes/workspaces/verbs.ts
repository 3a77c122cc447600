import { defined } from "@berth/core/base/defined";
import type { Accepted, Condition, Requester } from "@berth/core/requests/accept";
import { requestRestart } from "@berth/core/requests/restart";
import { requestResume } from "@berth/core/requests/resume";
import { requestHibernate, requestPause } from "@berth/core/requests/suspend";
import type { ErrorCode } from "@berth/core/base/errors";
import Type, { type Static, type TSchema } from "typebox";
import { answerAccepted } from "../../http/answer-accepted.js";
import { NoBody, withoutBody } from "../../http/no-body.js";
import { requesterOf } from "../../http/requester.js";
import { answer, LOCATION, Suspension, WAITED, WorkspaceAndOperation } from "../../schemas/answers.js";
import { flag, IdParams, RequestHeaders, strictObject } from "../../schemas/common.js";
import { DONE_EXAMPLE, ONLINE_EXAMPLE, OPERATION_EXAMPLE, RESTART_EXAMPLE } from "../../schemas/examples.js";
import { problems } from "../../schemas/problem.js";
import type { App, Services } from "../../services.js";

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

const HibernateBody = strictObject(
  { force: flag("Even if agents of the tree have active tasks.") },
  { examples: [{ force: false }] },
);

const NoQuery = strictObject({});
const NewVolumeQuery = strictObject({
  new_volume: flag(
    "Where its volume has vanished (`volume_missing`), or was lost with its place, go on with an empty one. A volume that is there is kept.",
  ),
});

/** What each of them may be refused for. */
const REFUSALS = [
  "invalid_request",
  "invalid_id",
  "workspace_not_found",
  "illegal_transition",
  "precondition_failed",
  "operation_cancelled",
  "operation_failed",
] as const;

/** What is asked of one workspace by `POST /workspaces/:id/<name>`, accepted, and then perhaps waited for. */
const verb =
  <Body extends TSchema>(given: {
    name: string;
    operationId: string;
    summary: string;
    description: string;
    body: Body;
    /** It launches: `?new_volume=true` may be asked for. */
    launches?: boolean;
    /** It lessens the load: it is served while others are refused for it. */
    relieves?: boolean;
    answers: Readonly<Record<200 | 202, object>>;
    refusals: readonly ErrorCode[];
    ask: (
      services: Services,
      id: string,
      asker: Requester & Condition,
      body: Static<Body>,
    ) => Promise<Accepted & { cascaded?: number }>;
  }) =>
  (app: App, services: Services): void => {
    const { name, ask, body, launches = false, relieves = false, answers, refusals, ...told } = given;
    app.post(
      `/workspaces/:id/${name}`,
      {
        config: { access: "operator", tenants: "tree", relieves },
        preValidation: withoutBody,
        schema: {
          ...told,
          tags: ["workspaces"],
          params: IdParams,
          headers: RequestHeaders,
          querystring: launches ? NewVolumeQuery : NoQuery,
          body: body as TSchema,
          response: { ...answers, ...problems(...REFUSALS, ...refusals) },
        },
      },
      async (request, reply) => {
        const asked = request.body as Static<Body>;
        const { new_volume: newVolume = false } = request.query as Static<typeof NewVolumeQuery>;
        const asker = { ...requesterOf(request), ...(newVolume && { newVolume }) };
        const accepted = await ask(services, request.params.id, asker, asked);
        return answerAccepted(services, request, reply, accepted);
      },
    );
  };

const restart = verb({
  name: "restart",
  operationId: "restartWorkspace",
  summary: "Restart a workspace",
  description:
    "Stop, then start with the same volume. Of many calls at once, at most one runs and one waits; each is " +
    "answered with the operation that begins after it.",
  body: RestartBody,
  launches: true,
  answers: {
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
  },
  refusals: ["busy", "stop_retry_exhausted", "place_lost", "no_place"],
  ask: ({ requests }, id, asker, { if_busy }) =>
    requestRestart(requests, id, { ...asker, ...defined({ ifBusy: if_busy }) }),
});

/** Of what stops a whole tree. */
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

const pause = verb({
  name: "pause",
  relieves: true,
  operationId: "pauseWorkspace",
  summary: "Pause a workspace and its descendants",
  description:
    "Stops them and keeps their volumes. Nothing but `resume` starts them again. Asked again while it is under " +
    "way, it is answered with the pause that is.",
  body: NoBody,
  answers: suspendAnswers("pause", "paused"),
  refusals: ["stop_retry_exhausted"],
  ask: ({ requests }, id, asker) => requestPause(requests, id, asker),
});

const hibernate = verb({
  name: "hibernate",
  relieves: true,
  operationId: "hibernateWorkspace",
  summary: "Hibernate a workspace and its descendants",
  description:
    "Like `pause`, for what isn't needed now. Refused while an agent of the tree has active tasks, unless forced.",
  body: HibernateBody,
  answers: suspendAnswers("hibernate", "hibernated"),
  refusals: ["has_active_tasks", "stop_retry_exhausted"],
  ask: ({ requests }, id, asker, { force = false }) => requestHibernate(requests, id, { ...asker, force }),
});

const RESUMING = { ...OPERATION_EXAMPLE, ticket: 3, kind: "resume" };
const STARTED = {
  body: NoBody,
  launches: true,
  answers: {
    202: answer(
      "Accepted.",
      WorkspaceAndOperation,
      { ...ONLINE_EXAMPLE, status: "paused", instance_id: null, operation: RESUMING },
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
  },
  refusals: ["ancestor_suspended", "quota_exceeded", "place_lost", "no_place"],
  ask: ({ requests }: Services, id: string, asker: Requester & Condition) =>
    requestResume(requests, id, asker),
} as const;

const resume = verb({
  name: "resume",
  operationId: "resumeWorkspace",
  summary: "Start a paused or hibernated workspace again",
  description:
    "With its volume, in the next generation. Its descendants stay as they are; its ancestors must run.",
  ...STARTED,
});

const wake = verb({
  name: "wake",
  operationId: "wakeWorkspace",
  summary: "Wake a hibernated workspace",
  description: "The same as `resume`.",
  ...STARTED,
});

export function verbRoutes(app: App, services: Services): void {
  for (const add of [restart, pause, hibernate, resume, wake]) add(app, services);
}
