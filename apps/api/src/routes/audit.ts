import { defined } from "@berth/core/base/defined";
import { listAudit } from "@berth/core/db/audit";
import Type from "typebox";
import { page } from "../http/pages.js";
import { answer, NEXT_PAGE } from "../schemas/answers.js";
import { AUDIT_EXAMPLE, AuditEntry, viewAuditEntry } from "../schemas/audit.js";
import { LIMIT, query, ref } from "../schemas/common.js";
import { AFTER_ID } from "../schemas/event.js";
import { expecting } from "../schemas/expected.js";
import { CREATED, readFilters } from "../schemas/filters.js";
import { problems } from "../schemas/problem.js";
import type { App, Services } from "../services.js";

const Query = query({
  caller: Type.Optional(
    expecting(
      "the name of a key",
      Type.String({
        minLength: 1,
        maxLength: 128,
        pattern: "^[^\\u0000]*$",
        description: "Only this caller's.",
      }),
    ),
  ),
  ...CREATED,
  after: Type.Optional(AFTER_ID),
  limit: Type.Optional(LIMIT),
});

export function auditRoutes(app: App, { pool }: Pick<Services, "pool">): void {
  app.get(
    "/audit",
    {
      config: { access: "admin", audited: true, relieves: true },
      schema: {
        operationId: "listAudit",
        summary: "List who asked for what",
        description:
          "Writes, reads of logs and of this list, logins, and refusals (401, 403), oldest first: go on with `after` = the last id " +
          "you have. An entry is there within a second of its answer.",
        tags: ["keys"],
        querystring: Query,
        response: {
          200: answer("A page.", Type.Array(ref(AuditEntry)), [AUDIT_EXAMPLE], NEXT_PAGE),
          ...problems("invalid_request"),
        },
      },
    },
    async (request, reply) => {
      const { caller, limit = 100, after = 0 } = request.query;
      const { createdAfter, createdBefore } = readFilters(request.query);
      const rows = await listAudit(pool, {
        ...defined({ caller, createdAfter, createdBefore }),
        after,
        limit: limit + 1,
      });
      return page(request, reply, rows, { limit, after: ({ id }) => String(id) }).map(viewAuditEntry);
    },
  );
}
