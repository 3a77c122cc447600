import type { Resource as Row } from "@berth/core/db/resources";
import { BACKENDS } from "@berth/core/domain/backend";
import Type, { type Static } from "typebox";
import { iso, named, nullable, time, uuid } from "./common.js";
import { Failure } from "./operation.js";

export const Resource = named(
  "Resource",
  Type.Object(
    {
      id: uuid(),
      workspace_id: uuid(),
      kind: Type.Enum(["instance", "volume", "dns_record"]),
      backend: Type.Enum([...BACKENDS]),
      name: Type.String({ description: "Its name at the provider, written down before it is made." }),
      provider_id: nullable(Type.String(), { description: "Null until the provider has answered." }),
      generation: Type.Integer(),
      state: Type.Enum(["intended", "present", "releasing", "gone"], {
        description: "`gone` only once the provider has said so.",
      }),
      attempts: Type.Integer({ description: "How often releasing it has failed." }),
      next_attempt_at: nullable(time("When releasing it is tried next.")),
      last_error: nullable(Failure),
      created_at: time("When it was written down."),
      updated_at: time("When its row last changed."),
      gone_at: nullable(time("When it was proven gone.")),
    },
    { description: "A row of the ledger: a thing that a provider was asked to make for a workspace." },
  ),
);

export function viewResource(row: Row): Static<typeof Resource> {
  return {
    id: row.id,
    workspace_id: row.workspace_id,
    kind: row.kind,
    backend: row.backend,
    name: row.name,
    provider_id: row.provider_id,
    generation: row.generation,
    state: row.state,
    attempts: row.attempts,
    next_attempt_at: iso(row.next_attempt_at),
    last_error: row.last_error,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    gone_at: iso(row.gone_at),
  };
}
