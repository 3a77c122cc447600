import { defined } from "@berth/core/base/defined";
import { listWorkspaces } from "@berth/core/db/workspace-lists";
import Type from "typebox";
import { pageOf, positionOf } from "../../http/pages.js";
import { answer, NEXT_PAGE } from "../../schemas/answers.js";
import { flag, PAGE, query, ref } from "../../schemas/common.js";
import { LISTED_EXAMPLE } from "../../schemas/examples.js";
import { problems } from "../../schemas/problem.js";
import { LIST_FIELDS, ListedWorkspace, viewListed } from "../../schemas/workspace.js";
import { ID_PREFIX, IDS, readWorkspaceFilter, WORKSPACE_FILTER } from "../../schemas/workspace-filter.js";
import type { App, Services } from "../../services.js";

const ListQuery = query({
  ...WORKSPACE_FILTER,
  id: Type.Optional(IDS),
  id_prefix: Type.Optional(ID_PREFIX),
  include_removed: flag("Removed ones too.", { default: false }),
  fields: Type.Optional(LIST_FIELDS),
  ...PAGE,
});

export function workspaceListRoute(app: App, { pool }: Services): void {
  app.get(
    "/workspaces",
    {
      config: { access: "viewer", tenants: "labels" },
      schema: {
        operationId: "listWorkspaces",
        summary: "List workspaces",
        description:
          "Oldest first; all that is given must be so. Removed ones are left out unless asked for, and so is each one's `spec` " +
          "(`fields=spec`). Follow `Link`: where few pass the filter, pages are shorter than their limit, even empty.",
        tags: ["workspaces"],
        querystring: ListQuery,
        response: {
          200: answer("A page.", Type.Array(ref(ListedWorkspace)), [LISTED_EXAMPLE], NEXT_PAGE),
          ...problems("invalid_request"),
        },
      },
    },
    async (request, reply) => {
      const { include_removed = false, limit = 100, after, id, id_prefix, fields } = request.query;
      const filter = readWorkspaceFilter(request.query);
      const found = await listWorkspaces(pool, {
        ...filter,
        ...defined({ ids: id, idPrefix: id_prefix }),
        includeRemoved: include_removed || filter.includeRemoved,
        specs: fields?.includes("spec") === true,
        after: positionOf(after),
        limit,
      });
      return pageOf(request, reply, found, limit).map(viewListed);
    },
  );
}
