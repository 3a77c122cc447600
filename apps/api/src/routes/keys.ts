import { listApiKeys } from "@berth/core/db/api-keys";
import { BerthError } from "@berth/core/base/errors";
import { createKey, revokeKey } from "@berth/core/requests/api-keys";
import Type from "typebox";
import type { Keyring } from "../auth/keyring.js";
import { requesterOf } from "../http/requester.js";
import { cursor, page, POSITION, readCursor } from "../http/pages.js";
import { answer, NEXT_PAGE } from "../schemas/answers.js";
import { API_KEY_EXAMPLE, ApiKey, KeyBody, viewKey } from "../schemas/api-key.js";
import { flag, pageQuery, ref, strictObject, uuid } from "../schemas/common.js";
import { problems } from "../schemas/problem.js";
import type { App, Services } from "../services.js";

const Params = Type.Object({ id: uuid("Id of the key.") });
const Revocation = strictObject({ cascade: flag("The keys that it has made as well, and theirs.") });
const Created = Type.Intersect([
  ref(ApiKey),
  Type.Object({ key: Type.String({ description: "The key itself: in this answer only." }) }),
]);

export function keyRoutes(
  app: App,
  { pool, config }: Pick<Services, "pool" | "config">,
  keyring: Keyring,
): void {
  app.post(
    "/keys",
    {
      config: { access: "admin" },
      schema: {
        operationId: "createKey",
        summary: "Make a key",
        description: "The key is in this answer and can't be read again.",
        tags: ["keys"],
        body: KeyBody,
        response: {
          201: answer("The key.", Created, { ...API_KEY_EXAMPLE, key: "berth_o_…" }),
          ...problems("invalid_request", "name_taken"),
        },
      },
    },
    async (request, reply) => {
      const { name, scope, tenant = null, expires_at = null } = request.body;
      const expiresAt = expires_at === null ? null : readTime(expires_at);
      const wanted = { name, scope, tenant, expiresAt, createdBy: request.caller.keyId };
      const { apiKey, key } = await createKey(pool, wanted, config.keyMaxDays, requesterOf(request));
      void reply.code(201);
      return { ...viewKey(apiKey), key };
    },
  );

  app.get(
    "/keys",
    {
      config: { access: "admin", relieves: true },
      schema: {
        operationId: "listKeys",
        summary: "List the keys",
        description: "The newest first, with those that are revoked.",
        tags: ["keys"],
        querystring: pageQuery,
        response: {
          200: answer("A page.", Type.Array(ref(ApiKey)), [API_KEY_EXAMPLE], NEXT_PAGE),
          ...problems("invalid_request"),
        },
      },
    },
    async (request, reply) => {
      const { limit = 100, after } = request.query;
      const [micros, id] = after === undefined ? [] : readCursor(after, POSITION);
      const position = micros !== undefined && id !== undefined ? { after: { micros, id } } : {};
      const rows = await listApiKeys(pool, { limit: limit + 1, ...position });
      return page(request, reply, rows, { limit, after: (row) => cursor(`${row.micros}/${row.id}`) }).map(
        viewKey,
      );
    },
  );

  app.delete(
    "/keys/:id",
    {
      config: { access: "admin", relieves: true },
      schema: {
        operationId: "revokeKey",
        summary: "Revoke a key",
        description:
          "It is refused by this API process at once, and by others within 5 s. Doing it again changes nothing. " +
          "`cascade=true` revokes what it has made as well, and what that has made.",
        tags: ["keys"],
        params: Params,
        querystring: Revocation,
        response: {
          200: answer("It is revoked.", ref(ApiKey), {
            ...API_KEY_EXAMPLE,
            revoked_at: "2026-11-22T09:30:00.000Z",
          }),
          ...problems("invalid_id", "invalid_request", "key_not_found"),
        },
      },
    },
    async (request) => {
      const made = request.query.cascade === true;
      const { apiKey, revoked } = await revokeKey(pool, request.params.id, { made }, requesterOf(request));
      for (const { id } of [apiKey, ...revoked]) keyring.forget(id);
      return viewKey(apiKey);
    },
  );
}

function readTime(text: string): Date {
  const time = new Date(text);
  if (!Number.isNaN(time.getTime())) return time;
  const expected = "a time such as 2027-01-31T12:00:00Z";
  throw new BerthError("invalid_request", `expires_at: expected ${expected}`, {
    errors: [{ field: "expires_at", expected }],
  });
}
