import { SWEEP_NAMES, type SweepName as Name } from "@berth/core/domain/sweep";
import { BerthError } from "@berth/core/base/errors";
import { acceptIdempotently } from "@berth/core/requests/idempotency";
import { approveSweep, pauseSweep } from "@berth/core/requests/sweeps";
import { listSweepRuns } from "@berth/core/db/sweep-runs";
import { livenessOfSweeps, type SweepLiveness } from "@berth/core/sweeps/state";
import Type from "typebox";
import { preferredWait } from "../http/prefer.js";
import { requesterOf } from "../http/requester.js";
import { answer } from "../schemas/answers.js";
import { flag, LIMIT, query, ref, WaitHeaders } from "../schemas/common.js";
import { problems } from "../schemas/problem.js";
import {
  ACTION_EXAMPLE,
  Intent,
  Sweep,
  SWEEP_EXAMPLE,
  SweepName,
  SweepRun,
  viewSweep,
  viewSweepRun,
} from "../schemas/sweep.js";
import type { App, Services } from "../services.js";
import { askForDryRun, askForRun } from "../sweep-jobs.js";

const DRY_RUN_WAIT_S = 30;

const Params = Type.Object({ name: Type.String({ description: `One of ${SWEEP_NAMES.join(", ")}.` }) });
const RunQuery = query({ dry_run: flag("Only say what it would do now, and why.") });
const ApproveQuery = query({
  place: Type.Optional(
    Type.String({ maxLength: 64, description: "Only what is held there. Default: in all places." }),
  ),
});
const Asked = Type.Object({
  sweep: SweepName,
  dry_run: Type.Literal(false),
  job_id: Type.String({ description: "The job in the queue `sweeps`." }),
});
const Intents = Type.Object({
  sweep: SweepName,
  dry_run: Type.Literal(true),
  looked_at: Type.Integer(),
  would_hold: Type.Boolean({
    description: "The breaker would hold them; where it runs for each place, in one of them.",
  }),
  actions: Type.Array(Intent),
  unanswered: Type.Array(Type.String(), {
    description: "Places for which no worker answered: what would be done there isn't known.",
  }),
});

export function sweepRoutes(app: App, { pool, queues }: Services): void {
  const stateOf = async (name: Name): Promise<SweepLiveness> =>
    (await livenessOfSweeps(pool)).find((sweep) => sweep.name === name)!;

  app.get(
    "/sweeps",
    {
      config: { access: "viewer", relieves: true },
      schema: {
        operationId: "listSweeps",
        summary: "List the sweeps",
        description: "All there are, each with its last run and what its breaker holds.",
        tags: ["sweeps"],
        response: { 200: answer("They.", Type.Array(ref(Sweep)), [SWEEP_EXAMPLE]), ...problems() },
      },
    },
    async () => (await livenessOfSweeps(pool)).map(viewSweep),
  );

  app.get(
    "/sweeps/:name/runs",
    {
      config: { access: "viewer", relieves: true },
      schema: {
        operationId: "listSweepRuns",
        summary: "List a sweep's runs",
        description: "The newest first, over all places, as far as they are kept.",
        tags: ["sweeps"],
        params: Params,
        querystring: query({ limit: Type.Optional(LIMIT) }),
        response: {
          200: answer("They.", Type.Array(SweepRun), [
            {
              place: "docker",
              started_at: SWEEP_EXAMPLE.last_started_at,
              finished_at: SWEEP_EXAMPLE.last_finished_at,
              counts: { looked_at: 200, would_act: 0 },
              error: null,
            },
          ]),
          ...problems("invalid_request", "sweep_not_found"),
        },
      },
    },
    async ({ params, query: { limit = 100 } }) =>
      (await listSweepRuns(pool, requireSweep(params.name), limit)).map(viewSweepRun),
  );

  app.post(
    "/sweeps/:name/run",
    {
      config: { access: "operator", relieves: true },
      schema: {
        operationId: "runSweep",
        summary: "Run a sweep now",
        description:
          "A worker does, unless a run of it goes on already; `GET /sweeps` shows how it went. With `dry_run` a worker " +
          `is asked what it would do, for at most ${DRY_RUN_WAIT_S} s or what \`Prefer: wait=N\` says; that changes nothing.`,
        tags: ["sweeps"],
        params: Params,
        headers: WaitHeaders,
        querystring: RunQuery,
        response: {
          202: answer("Asked for.", Asked, { sweep: "instance-state", dry_run: false, job_id: "42" }),
          200: answer("What it would do: with `dry_run`.", Intents, {
            sweep: "instance-state",
            dry_run: true,
            looked_at: 200,
            would_hold: false,
            actions: [ACTION_EXAMPLE],
            unanswered: [],
          }),
          ...problems(
            "invalid_request",
            "sweep_not_found",
            "sweep_paused",
            "sweep_failed",
            "no_worker",
            "queues_unavailable",
          ),
        },
      },
    },
    async (request, reply) => {
      const sweep = requireSweep(request.params.name);
      if (request.query.dry_run === true) {
        const seconds = preferredWait(request.headers["prefer"] as string | undefined) ?? DRY_RUN_WAIT_S;
        const limits = { timeoutMs: seconds * 1_000, signal: request.signal };
        request.endTurn();
        return { sweep, dry_run: true as const, ...(await askForDryRun({ pool, queues }, sweep, limits)) };
      }
      if ((await stateOf(sweep)).paused)
        throw new BerthError("sweep_paused", `${sweep} is paused: resume it first`, { sweep });
      // The queue knows nothing of keys; that a second run is asked for before the first is known of is harmless.
      const job_id = await acceptIdempotently(pool, null, requesterOf(request), () =>
        askForRun(queues, sweep),
      );
      void reply.code(202);
      return { sweep, dry_run: false as const, job_id };
    },
  );

  app.post(
    "/sweeps/:name/approve",
    {
      config: { access: "admin", relieves: true },
      schema: {
        operationId: "approveSweep",
        summary: "Let a sweep do what its breaker holds",
        description:
          "For the acts that are held now and no others, at its next run, which is asked for at once. Good for a day.",
        tags: ["sweeps"],
        params: Params,
        querystring: ApproveQuery,
        response: {
          200: answer("Approved.", ref(Sweep), {
            ...SWEEP_EXAMPLE,
            approval: { by: "admin", at: "2026-11-21T09:31:00.000Z", acts: 120 },
          }),
          ...problems("sweep_not_found", "nothing_held"),
        },
      },
    },
    async (request) => {
      const sweep = requireSweep(request.params.name);
      await approveSweep(pool, { name: sweep, place: request.query.place ?? null }, requesterOf(request));
      // The approval is kept, so its next run on the beat would do as well.
      await askForRun(queues, sweep).catch((error: unknown) =>
        request.log.warn({ err: error }, "no run asked for"),
      );
      return viewSweep(await stateOf(sweep));
    },
  );

  const switching = (verb: "pause" | "resume", summary: string, description: string): void => {
    app.post(
      `/sweeps/:name/${verb}`,
      {
        config: { access: "admin", relieves: true },
        schema: {
          operationId: `${verb}Sweep`,
          summary,
          description,
          tags: ["sweeps"],
          params: Params,
          response: {
            200: answer("The sweep after it.", ref(Sweep), {
              ...SWEEP_EXAMPLE,
              paused: verb === "pause",
              paused_by: verb === "pause" ? "admin" : null,
            }),
            ...problems("sweep_not_found"),
          },
        },
      },
      async (request) => {
        const sweep = requireSweep(request.params.name);
        await pauseSweep(pool, sweep, verb === "pause", requesterOf(request));
        return viewSweep(await stateOf(sweep));
      },
    );
  };
  switching(
    "pause",
    "Pause a sweep",
    "On all workers, from its next run on. A run that goes on ends as it would.",
  );
  switching(
    "resume",
    "Let a paused sweep run again",
    "One that BERTH_SWEEPS_PAUSED names stays paused on that worker.",
  );
}

function requireSweep(name: string): Name {
  const sweep = SWEEP_NAMES.find((one) => one === name);
  if (sweep !== undefined) return sweep;
  throw new BerthError("sweep_not_found", `there is no sweep ${JSON.stringify(name.slice(0, 64))}`, {
    sweeps: SWEEP_NAMES,
  });
}
