import { listQuotaUses } from "@berth/core/db/quotas";
import { labelText, parseLabel, type Label } from "@berth/core/domain/quota";
import { BerthError } from "@berth/core/base/errors";
import { removeQuota, requireQuota, setQuota } from "@berth/core/requests/quotas";
import Type from "typebox";
import { etagOf } from "../http/etag.js";
import { badCursor, cursor, page, readCursor } from "../http/pages.js";
import { requesterOf } from "../http/requester.js";
import { answer, ETAG, NEXT_PAGE } from "../schemas/answers.js";
import { ConditionHeaders, pageQuery, ref } from "../schemas/common.js";
import { problems } from "../schemas/problem.js";
import { LABEL_EXPECTED, Quota, QUOTA_EXAMPLE, QuotaBody, viewQuota } from "../schemas/quota.js";
import type { App, Services } from "../services.js";

const TAGS = ["quotas"];
// Judged by the route: what a schema says of a path is that it isn't an id.
const Params = Type.Object({
  label: Type.String({
    description: "`name:value`, or `name:*`: percent-encode what a path can't hold.",
    examples: ["team:red", "team:*"],
  }),
});

/** How many workspaces of a label may run. */
export function quotaRoutes(app: App, { pool }: Services): void {
  app.get(
    "/quotas",
    {
      config: { access: "viewer" },
      schema: {
        operationId: "listQuotas",
        summary: "List the quotas",
        description: "In the order of their labels, each with what of it is used.",
        tags: TAGS,
        querystring: pageQuery,
        response: {
          200: answer("A page.", Type.Array(ref(Quota)), [QUOTA_EXAMPLE], NEXT_PAGE),
          ...problems("invalid_request"),
        },
      },
    },
    async (request, reply) => {
      const { limit = 100, after } = request.query;
      const position = after === undefined ? {} : { after: positionOf(after) };
      const rows = await listQuotaUses(pool, { limit: limit + 1, ...position });
      return page(request, reply, rows, { limit, after: (row) => cursor(labelText(row)) }).map(viewQuota);
    },
  );

  app.get(
    "/quotas/:label",
    {
      config: { access: "viewer" },
      schema: {
        operationId: "getQuota",
        summary: "Read a quota",
        description: "With what of it is used, and by which labels.",
        tags: TAGS,
        params: Params,
        response: {
          200: answer("The quota.", ref(Quota), QUOTA_EXAMPLE, ETAG),
          ...problems("invalid_request", "quota_not_found"),
        },
      },
    },
    async (request, reply) => {
      const quota = await requireQuota(pool, readLabel(request.params.label));
      void reply.header("etag", etagOf(quota.version));
      return viewQuota(quota);
    },
  );

  app.put(
    "/quotas/:label",
    {
      config: { access: "admin", relieves: true },
      schema: {
        operationId: "setQuota",
        summary: "Set how many workspaces of a label may run",
        description:
          "Makes the quota or replaces it. Whatever runs goes on, also above a lower limit: only what would run besides is " +
          "refused, with 409 `quota_exceeded`. What isn't given isn't limited.",
        tags: TAGS,
        params: Params,
        headers: ConditionHeaders,
        body: QuotaBody,
        response: {
          200: answer("It is replaced.", ref(Quota), { ...QUOTA_EXAMPLE, version: 2 }, ETAG),
          201: answer("It is made.", ref(Quota), QUOTA_EXAMPLE, ETAG),
          ...problems("invalid_request", "precondition_failed"),
        },
      },
    },
    async (request, reply) => {
      const label = readLabel(request.params.label);
      const { quota, created } = await setQuota(pool, label, request.body, requesterOf(request));
      void reply.code(created ? 201 : 200).header("etag", etagOf(quota.version));
      return viewQuota(quota);
    },
  );

  app.delete(
    "/quotas/:label",
    {
      config: { access: "admin", relieves: true },
      schema: {
        operationId: "deleteQuota",
        summary: "Remove a quota",
        description: "As many workspaces with the label may then run as like, or as its `name:*` says.",
        tags: TAGS,
        params: Params,
        headers: ConditionHeaders,
        response: {
          200: answer("It is gone; this is what it was.", ref(Quota), QUOTA_EXAMPLE),
          ...problems("invalid_request", "quota_not_found", "precondition_failed"),
        },
      },
    },
    async (request) =>
      viewQuota(await removeQuota(pool, readLabel(request.params.label), requesterOf(request))),
  );
}

/** @throws BerthError `invalid_request`. */
function readLabel(text: string): Label {
  const label = parseLabel(text);
  if (label !== null) return label;
  throw new BerthError("invalid_request", `label: expected ${LABEL_EXPECTED}`, {
    errors: [{ field: "label", expected: LABEL_EXPECTED }],
  });
}

/** @throws BerthError `invalid_request`. */
function positionOf(after: string): Label {
  const label = parseLabel(readCursor(after, /^(.*)$/)[0]!);
  if (label === null) throw badCursor();
  return label;
}
