import type { AuditEntry as Row } from "@berth/core/db/audit";
import Type, { type Static } from "typebox";
import { named, nullable, time, uuid } from "./common.js";

export const AuditEntry = named(
  "AuditEntry",
  Type.Object(
    {
      id: Type.Integer({ description: "Grows with time." }),
      at: time("When it was answered."),
      request_id: Type.String({ description: "`X-Request-Id` of the answer, and `request_id` in the log." }),
      caller: nullable(Type.String({ description: "The name of the key; null: none that is known." })),
      key_id: nullable(uuid("The key; null: that of the configuration, or none.")),
      tenant: nullable(Type.Record(Type.String(), Type.String(), { description: "Whose key it was." })),
      address: Type.String({ description: "From where." }),
      method: Type.String(),
      route: nullable(
        Type.String({ description: "As the API describes it, with `:id`; null: there is none." }),
      ),
      path: Type.String({ description: "As it was asked for, without its query." }),
      status: Type.Integer({ description: "The HTTP status of the answer." }),
    },
    { description: "One request: who asked for what, and what they were answered." },
  ),
);

export const AUDIT_EXAMPLE = {
  id: 4711,
  at: "2026-11-21T09:30:00.000Z",
  request_id: "5b0cc0b8-1f0b-4a53-8a70-7a3e6f4f6c11",
  caller: "ci",
  key_id: "7c1b1d52-6f0e-4a57-9b1c-2f6a1c0f9f11",
  tenant: { team: "red" },
  address: "192.0.2.7",
  method: "POST",
  route: "/workspaces/:id/restart",
  path: "/workspaces/0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f/restart",
  status: 202,
};

export function viewAuditEntry(row: Row): Static<typeof AuditEntry> {
  return { ...row, at: row.at.toISOString() };
}
