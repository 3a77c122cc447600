import { priceOf } from "@berth/core/domain/prices";
import { computeOf } from "@berth/core/domain/backend";
import type { SweepName } from "@berth/core/domain/sweep";
import { listLeaks, releaseLeak, retryLeak, type PricedLeak } from "@berth/core/requests/leaks";
import Type from "typebox";
import { requesterOf } from "../http/requester.js";
import { cursor, page, POSITION, readCursor } from "../http/pages.js";
import { answer, NEXT_PAGE } from "../schemas/answers.js";
import { pageQuery, ref, uuid } from "../schemas/common.js";
import { Leak, LEAK_EXAMPLE, ReleaseBody, viewLeak } from "../schemas/leak.js";
import { problems } from "../schemas/problem.js";
import type { App, Services } from "../services.js";
import { askForRun } from "../sweep-jobs.js";

const Params = Type.Object({ id: uuid("Id of the leak.") });

export function leakRoutes(app: App, services: Services): void {
  const { pool, queues, prices } = services;
  const priced = <L extends Omit<PricedLeak, "cost_per_hour">>(leak: L) => ({
    ...leak,
    cost_per_hour: priceOf(prices, leak),
  });

  app.get(
    "/leaks",
    {
      config: { access: "viewer", relieves: true },
      schema: {
        operationId: "listLeaks",
        summary: "List what is to go and isn't proven gone",
        description:
          "Each open obligation of the ledger, and each thing at a provider that carries Berth's label and that nobody " +
          "claims. Those that are to go for longest first.",
        tags: ["leaks"],
        querystring: pageQuery,
        response: {
          200: answer("A page.", Type.Array(ref(Leak)), [LEAK_EXAMPLE], NEXT_PAGE),
          ...problems("invalid_request"),
        },
      },
    },
    async (request, reply) => {
      const { limit = 100, after } = request.query;
      const [micros, id] = after === undefined ? [] : readCursor(after, POSITION);
      const position = micros !== undefined && id !== undefined ? { after: { micros, id } } : {};
      const rows = await listLeaks(pool, { prices, limit: limit + 1, ...position });
      return page(request, reply, rows, { limit, after: (row) => cursor(`${row.micros}/${row.id}`) }).map(
        viewLeak,
      );
    },
  );

  app.post(
    "/leaks/:id/retry",
    {
      config: { access: "operator", relieves: true },
      schema: {
        operationId: "retryLeak",
        summary: "Try to remove it again now",
        description:
          "Makes it due, and asks for a run of its sweep at once. The breaker and a pause still hold it.",
        tags: ["leaks"],
        params: Params,
        response: {
          202: answer("It is due.", ref(Leak), {
            ...LEAK_EXAMPLE,
            next_attempt_at: "2026-11-21T09:30:02.417Z",
          }),
          ...problems("invalid_id", "leak_not_found"),
        },
      },
    },
    async (request, reply) => {
      const leak = await retryLeak(pool, request.params.id, requesterOf(request));
      // It is due, so its sweep's next run would find it anyway.
      await askForRun(queues, sweepOf(leak)).catch((error: unknown) =>
        request.log.warn({ err: error }, "no run asked for"),
      );
      void reply.code(202);
      return viewLeak(priced(leak));
    },
  );

  app.post(
    "/leaks/:id/release",
    {
      config: { access: "admin", relieves: true },
      schema: {
        operationId: "releaseLeak",
        summary: "Say that it is handled",
        description:
          "Berth then takes no more care of it. A thing of the ledger that is there after all is found again, as " +
          "unclaimed. Answered with what it was.",
        tags: ["leaks"],
        params: Params,
        body: ReleaseBody,
        response: {
          200: answer("It is off the list.", ref(Leak), LEAK_EXAMPLE),
          ...problems("invalid_request", "invalid_id", "leak_not_found", "busy"),
        },
      },
    },
    async (request) => {
      const reason = request.body.reason.trim();
      return viewLeak(priced(await releaseLeak(pool, request.params.id, requesterOf(request), reason)));
    },
  );
}

function sweepOf(leak: Pick<PricedLeak, "source" | "backend">): SweepName {
  if (leak.source === "obligation") return "removed-instances";
  return computeOf(leak.backend)?.orphans ?? "removed-instances";
}
