import { defined } from "@berth/core/base/defined";
import { getBulk, listItems } from "@berth/core/db/bulk";
import { BerthError, bulkNotFound } from "@berth/core/base/errors";
import { acceptBulk, tryBulk, workspacesOf } from "@berth/core/requests/bulk";
import Type, { type Static } from "typebox";
import { cursor, page, readCursor } from "../../http/pages.js";
import { requesterOf } from "../../http/requester.js";
import { answer, NEXT_PAGE } from "../../schemas/answers.js";
import { Bulk, BulkBody, BulkItem, BULK_EXAMPLE, DryRun, viewBulk, viewItem } from "../../schemas/bulk.js";
import { flag, PAGE, query, ref, uuid } from "../../schemas/common.js";
import { WORKSPACE_EXAMPLE } from "../../schemas/examples.js";
import { oneOrMore } from "../../schemas/filters.js";
import { readWorkspaceFilter } from "../../schemas/workspace-filter.js";
import { problems } from "../../schemas/problem.js";
import type { App, Services } from "../../services.js";
import { askForRun } from "../../sweep-jobs.js";

const TAGS = ["operations"];
/** Ten thousand ids. */
const BULK_BODY_BYTES = 512 * 1_024;
const BulkParams = Type.Object({ id: uuid("Id of the bulk operation.") });
const RunQuery = query({ dry_run: flag("Only say what would become of it now.") });
const ItemsQuery = query({
  state: Type.Optional(
    oneOrMore(["pending", "accepted", "refused"] as const, "Only those in one of these states."),
  ),
  ...PAGE,
});

/** One request for many workspaces. */
export function bulkRoutes(app: App, { pool, requests, queues }: Services): void {
  app.post(
    "/operations/bulk",
    {
      config: { access: "operator", tenants: "filter", burdens: true, bodyBytes: BULK_BODY_BYTES },
      schema: {
        operationId: "startBulkOperation",
        summary: "Ask for an operation on many workspaces",
        description:
          "By ids, or for all that pass a filter now. Each is asked for as by its own request, parents before their " +
          "children or, to stop or delete, children first; a refusal for one changes nothing for the others. With " +
          "`dry_run` each request is tried out and taken back.",
        tags: TAGS,
        querystring: RunQuery,
        body: BulkBody,
        response: {
          202: answer(
            "Accepted.",
            ref(Bulk),
            {
              ...BULK_EXAMPLE,
              state: "accepting",
              counts: { ...BULK_EXAMPLE.counts, pending: 3, refused: 0, running: 0, succeeded: 0 },
            },
            { Location: { type: "string", description: "`/operations/bulk/<id>`" } },
          ),
          200: answer("What would become of it: with `dry_run`.", DryRun, {
            dry_run: true,
            kind: "pause",
            total: 1,
            would_accept: 0,
            workspace_ids: [WORKSPACE_EXAMPLE.id],
            refused: [
              {
                workspace_id: WORKSPACE_EXAMPLE.id,
                code: "illegal_transition",
                message: "a workspace that is provisioning can't be asked to pause",
              },
            ],
          }),
          ...problems("invalid_request", "workspace_not_found"),
        },
      },
    },
    async (request, reply) => {
      const { kind, cascade, force } = request.body;
      requireSense(request.body);
      const ids = await idsOf(request.body);
      const wanted = {
        kind,
        ...defined({ cascade, force }),
      };
      const asker = { ...requesterOf(request), tenant: request.caller.tenant };
      if (request.query.dry_run === true) {
        const refused = await tryBulk(requests, wanted, ids, asker);
        void reply.code(200);
        return {
          dry_run: true as const,
          kind,
          total: ids.length,
          would_accept: ids.length - refused.length,
          workspace_ids: ids,
          refused,
        };
      }
      const { id } = await acceptBulk(requests, wanted, ids, asker);
      // Without it the sweep comes by itself soon.
      await askForRun(queues, "bulk").catch(() => undefined);
      void reply.code(202).header("location", `/operations/bulk/${id}`);
      return requireBulk(id);
    },
  );

  app.get(
    "/operations/bulk/:id",
    {
      config: { access: "viewer", tenants: "bulk" },
      schema: {
        operationId: "getBulkOperation",
        summary: "Read a bulk operation",
        description: "How many of its workspaces are how far.",
        tags: TAGS,
        params: BulkParams,
        response: {
          200: answer("It.", ref(Bulk), BULK_EXAMPLE),
          ...problems("invalid_id", "operation_not_found"),
        },
      },
    },
    async (request) => requireBulk(request.params.id),
  );

  app.get(
    "/operations/bulk/:id/items",
    {
      config: { access: "viewer", tenants: "bulk" },
      schema: {
        operationId: "listBulkItems",
        summary: "List what became of a bulk operation for each workspace",
        description: "In the order in which they are asked for.",
        tags: TAGS,
        params: BulkParams,
        querystring: ItemsQuery,
        response: {
          200: answer(
            "A page.",
            Type.Array(BulkItem),
            [
              {
                workspace_id: WORKSPACE_EXAMPLE.id,
                state: "refused",
                operation_id: null,
                operation_state: null,
                error: {
                  code: "illegal_transition",
                  message: "a workspace that is paused can't be asked to pause",
                },
              },
            ],
            NEXT_PAGE,
          ),
          ...problems("invalid_request", "invalid_id", "operation_not_found"),
        },
      },
    },
    async (request, reply) => {
      const { state, limit = 100, after } = request.query;
      const position = after === undefined ? 0 : Number(readCursor(after, /^(\d{1,9})$/)[0]);
      const { id } = await requireBulk(request.params.id);
      const rows = await listItems(pool, id, {
        ...defined({ states: state }),
        after: position,
        limit: limit + 1,
      });
      return page(request, reply, rows, { limit, after: (row) => cursor(String(row.position)) }).map(
        viewItem,
      );
    },
  );

  async function idsOf({ workspace_ids, filter }: Static<typeof BulkBody>): Promise<string[]> {
    if (workspace_ids !== undefined) return [...new Set(workspace_ids)];
    return workspacesOf(pool, readWorkspaceFilter(filter!));
  }

  async function requireBulk(id: string): Promise<Static<typeof Bulk>> {
    const found = await getBulk(pool, id);
    if (found !== null) return viewBulk(found.bulk, found.counts);
    throw bulkNotFound(id);
  }
}

/** @throws BerthError `invalid_request` for what the schema can't say. */
function requireSense({ kind, workspace_ids, filter, cascade, force }: Static<typeof BulkBody>): void {
  const errors = [
    ...((workspace_ids === undefined) === (filter === undefined)
      ? [{ field: "workspace_ids", expected: "either workspace_ids or filter, and not both" }]
      : []),
    ...(cascade !== undefined && kind !== "delete"
      ? [{ field: "cascade", expected: "to be left out: it is for the kind delete only" }]
      : []),
    ...(force !== undefined && kind !== "hibernate"
      ? [{ field: "force", expected: "to be left out: it is for the kind hibernate only" }]
      : []),
  ];
  if (errors.length === 0) return;
  const detail = errors.map(({ field, expected }) => `${field}: expected ${expected}`).join("; ");
  throw new BerthError("invalid_request", detail, { errors });
}
