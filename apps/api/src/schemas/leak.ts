import type { PricedLeak } from "@berth/core/requests/leaks";
import { BACKENDS } from "@berth/core/domain/backend";
import Type, { type Static } from "typebox";
import { iso, named, nullable, strictObject, time, uuid } from "./common.js";
import { RESOURCE_EXAMPLE } from "./examples.js";
import { expecting } from "./expected.js";
import { Failure } from "./operation.js";

export const Leak = named(
  "Leak",
  Type.Object(
    {
      id: uuid(),
      source: Type.Enum(["obligation", "unclaimed"], {
        description:
          "A row of the ledger says that it is to go; or it was found, and no row says anything of it.",
      }),
      kind: Type.Enum(["instance", "volume", "dns_record"]),
      backend: Type.Enum([...BACKENDS]),
      provider_id: nullable(Type.String()),
      name: Type.String(),
      workspace_id: nullable(uuid()),
      generation: nullable(Type.Integer()),
      why: Type.String({ description: "Why it is a leak, in words." }),
      under_way: Type.Boolean({
        description: "An operation of its workspace is unfinished: it may be in its ordinary course.",
      }),
      since: time("Since when it is to go, or when it was first seen."),
      created_at: time("When it was made, or written down."),
      sightings: Type.Integer({ description: "How often it was seen; 0 for an obligation." }),
      attempts: Type.Integer({ description: "How often removing it has failed." }),
      last_error: nullable(Failure),
      next_attempt_at: nullable(time("When it is tried next; null: at the next run of its sweep.")),
      cost_per_hour: nullable(Type.Number(), {
        description: "Roughly, by the operator's table of prices; null if that has none for it.",
      }),
    },
    { description: "Something at a provider that is to go and isn't proven gone, or that nobody claims." },
  ),
);

export const LEAK_EXAMPLE = {
  id: RESOURCE_EXAMPLE.id,
  source: "obligation",
  kind: "instance",
  backend: "ec2",
  provider_id: "i-0abc1234def567890",
  name: RESOURCE_EXAMPLE.name,
  workspace_id: RESOURCE_EXAMPLE.workspace_id,
  generation: 2,
  why: "its workspace is removed",
  under_way: false,
  since: RESOURCE_EXAMPLE.updated_at,
  created_at: RESOURCE_EXAMPLE.created_at,
  sightings: 0,
  attempts: 5,
  last_error: {
    code: "provider_error",
    message: "the provider answered with 503",
    provider_code: "RequestLimitExceeded",
  },
  next_attempt_at: "2026-11-21T09:35:00.000Z",
  cost_per_hour: 0.0208,
};

export const ReleaseBody = strictObject(
  {
    reason: expecting(
      "1 to 1024 characters that say how it was handled",
      Type.String({
        pattern: "^(?=[^]*\\S)[^]{1,1024}$",
        description: "How it was handled. Kept with who said so, in the event `workspace.leak.released`.",
      }),
    ),
  },
  { examples: [{ reason: "terminated by hand in the console, see ticket 4711" }] },
);

export function viewLeak(leak: PricedLeak): Static<typeof Leak> {
  return {
    id: leak.id,
    source: leak.source,
    kind: leak.kind,
    backend: leak.backend as Static<typeof Leak>["backend"],
    provider_id: leak.provider_id,
    name: leak.name,
    workspace_id: leak.workspace_id,
    generation: leak.generation,
    why: leak.why,
    under_way: leak.under_way,
    since: leak.since.toISOString(),
    created_at: leak.created_at.toISOString(),
    sightings: leak.sightings,
    attempts: leak.attempts,
    last_error: leak.last_error,
    next_attempt_at: iso(leak.next_attempt_at),
    cost_per_hour: leak.cost_per_hour,
  };
}
