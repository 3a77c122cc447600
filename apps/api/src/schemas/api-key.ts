import type { ApiKey as Row } from "@berth/core/db/api-keys";
import { SCOPES } from "@berth/core/domain/scope";
import Type, { type Static } from "typebox";
import { iso, named, nullable, strictObject, time, uuid } from "./common.js";
import { expecting } from "./expected.js";
import { TenantLabels } from "./workspace.js";

export const ApiKey = named(
  "ApiKey",
  Type.Object(
    {
      id: uuid(),
      name: Type.String({ description: "What operations and events have as `requested_by`." }),
      scope: Type.Enum([...SCOPES]),
      created_at: time("When it was made."),
      expires_at: nullable(time("From when on it is refused; null: never.")),
      last_used_at: nullable(time("When it was last used, to the minute; null: never yet.")),
      revoked_at: nullable(time("When it was revoked; null: it isn't.")),
      tenant: nullable(
        Type.Record(Type.String(), Type.String(), {
          description: "The labels of the only workspaces that there are for it; null: it is for all.",
        }),
      ),
      created_by: nullable(uuid("The key that made it; null: that of the configuration.")),
    },
    { description: "A key, without what is secret of it." },
  ),
);

export const API_KEY_EXAMPLE = {
  id: "7c1b1d52-6f0e-4a57-9b1c-2f6a1c0f9f11",
  name: "ci",
  scope: "operator",
  created_at: "2026-11-21T09:30:00.000Z",
  expires_at: "2027-11-21T09:30:00.000Z",
  last_used_at: null,
  revoked_at: null,
  tenant: null,
  created_by: null,
};

export const KeyBody = strictObject(
  {
    name: expecting(
      "1 to 64 of a-z, A-Z, 0-9, dot, underscore, @ and -",
      Type.String({ pattern: "^[a-zA-Z0-9._@-]{1,64}$", description: "Unique among the keys not revoked." }),
    ),
    scope: expecting("viewer, operator or admin", Type.Enum([...SCOPES])),
    tenant: Type.Optional(nullable(TenantLabels)),
    expires_at: Type.Optional(
      nullable(
        expecting(
          "a time such as 2027-01-31T12:00:00Z",
          Type.String({
            pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,6})?(Z|[+-]\\d\\d:\\d\\d)$",
            description:
              "From when on it is refused; null or absent: never, or as late as BERTH_KEY_MAX_DAYS allows.",
          }),
        ),
      ),
    ),
  },
  { examples: [{ name: "ci", scope: "operator", expires_at: "2027-11-21T09:30:00Z" }] },
);

export function viewKey(row: Row): Static<typeof ApiKey> {
  return {
    id: row.id,
    name: row.name,
    scope: row.scope,
    created_at: row.created_at.toISOString(),
    expires_at: iso(row.expires_at),
    last_used_at: iso(row.last_used_at),
    revoked_at: iso(row.revoked_at),
    tenant: row.tenant,
    created_by: row.created_by,
  };
}
