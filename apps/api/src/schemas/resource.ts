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
      place: Type.String({ description: "Where it is made." }),
      state: Type.Enum(["intended", "present", "releasing", "gone", "lost"], {
        description: "`gone` only once the provider, or somebody, has said so; `lost` with its place.",
      }),
      released: nullable(Type.Object({ by: Type.String(), why: Type.String(), at: Type.String() }), {
        description: "Who said that it is handled, or that its place is lost, and why; null: nobody.",
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
    place: row.place,
    state: row.released?.lost === true ? "lost" : row.state,
    released:
      row.released === null ? null : { by: row.released.by, why: row.released.why, at: row.released.at },
    attempts: row.attempts,
    next_attempt_at: iso(row.next_attempt_at),
    last_error: row.last_error,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    gone_at: iso(row.gone_at),
  };
}
