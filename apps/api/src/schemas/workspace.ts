import type { ListedWorkspace as ListedRow } from "@berth/core/db/workspace-lists";
import type { Workspace as Row } from "@berth/core/db/workspaces";
import { BACKENDS, type BackendName } from "@berth/core/domain/backend";
import { shown } from "@berth/core/domain/secrets";
import { STATUSES } from "@berth/core/domain/status";
import Type, { type Static } from "typebox";
import { iso, named, nullable, strictObject, time, uuid } from "./common.js";
import { CREATE_EXAMPLE } from "./examples.js";
import { expecting } from "./expected.js";
import { timeOf, when } from "./filters.js";
import { PlaceName } from "./place-name.js";
import { ShownSpec, Spec, SpecChange } from "./spec.js";

/** Controls, and what isn't seen but changes how the rest is read; the joiners are letters' and pictures' own. */
const CONTROL =
  "\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb";

// By pattern and not by maxLength: TypeBox counts graphemes, PostgreSQL code points.
const Name = expecting(
  "1 to 128 characters without control characters or invisible ones, and not only spaces",
  Type.String({
    pattern: `^(?=[^]*\\S)[^${CONTROL}]{1,128}$`,
    description: "What people call it. Spaces around it are dropped.",
  }),
);
const LabelName = Type.String({ pattern: "^[A-Za-z0-9](?:[A-Za-z0-9_.\\-/]{0,61}[A-Za-z0-9])?$" });
const LabelValue = expecting(
  "text of at most 256 characters without control characters or invisible ones",
  Type.String({ pattern: `^[^${CONTROL}]{0,256}$` }),
);
/** Which workspaces a key is for. */
export const TenantLabels = expecting(
  "1 to 4 labels, with names and values as labels of a workspace have them",
  Type.Record(LabelName, LabelValue, {
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 4,
    description:
      "Labels that it puts on what it makes. For it there are no workspaces but those that have them; null or absent: all.",
  }),
);
export const Labels = expecting(
  "at most 64 labels, with names of 1 to 63 of A-Z, a-z, 0-9, ., _, - and / that begin and end alphanumerically",
  Type.Record(LabelName, LabelValue, { maxProperties: 64, additionalProperties: false }),
);
const HibernateAfter = nullable(
  expecting("a whole number of minutes from 1 to 525600", Type.Integer({ minimum: 1, maximum: 525_600 })),
  { description: "Hibernates after so many idle minutes; null: never." },
);

const ExpiresAt = nullable(when("When it is deleted by itself, its children with it; null: never."));

const PlaceLabels = Type.Unsafe<Record<string, string>>({
  ...Labels,
  description: "What the labels of its place must be, of any place that it gets; `{}`: any.",
});
const MayMove = Type.Boolean({
  description:
    "It may be started in another place, with an empty volume, when its own is drained, or has no room for it before it ever ran. " +
    "Default: false.",
});

/** The body of POST /workspaces where these backends run. */
export function createBody(backends: readonly BackendName[]) {
  return strictObject(
    {
      name: Name,
      parent_id: Type.Optional(nullable(uuid(), { description: "The workspace that this one belongs to." })),
      backend: Type.Optional(
        expecting(
          `one of the backends of this Berth: ${backends.join(", ")}`,
          Type.Enum([...backends], { description: "What runs it. Default: the first of these." }),
        ),
      ),
      place: Type.Optional(
        Type.Unsafe<string>({
          ...PlaceName,
          description:
            "Where: one of `GET /places`. Default, without `place_labels`: where its parent is; else the one with the fewest " +
            "running by its weight that takes it.",
        }),
      ),
      place_labels: Type.Optional(PlaceLabels),
      may_move: Type.Optional(MayMove),
      labels: Type.Optional(Labels),
      spec: Type.Optional(Spec),
      hibernate_after_minutes: Type.Optional(HibernateAfter),
      expires_at: Type.Optional(ExpiresAt),
    },
    { examples: [CREATE_EXAMPLE] },
  );
}

export const PatchBody = expecting(
  "a JSON object with at least one of name, labels, place_labels, may_move, spec, hibernate_after_minutes and expires_at",
  strictObject(
    {
      name: Type.Optional(Name),
      labels: Type.Optional(Labels),
      place_labels: Type.Optional(PlaceLabels),
      may_move: Type.Optional(MayMove),
      spec: Type.Optional(SpecChange),
      hibernate_after_minutes: Type.Optional(HibernateAfter),
      expires_at: Type.Optional(ExpiresAt),
    },
    {
      minProperties: 1,
      description: "What is given replaces what was, as a whole; of `spec.env`, what isn't given stays.",
      examples: [{ labels: { team: "blue" } }],
    },
  ),
);

const FIELDS = {
  id: uuid(),
  name: Type.String(),
  parent_id: nullable(uuid()),
  backend: Type.Enum([...BACKENDS]),
  place: Type.String({ description: "Where its things are made." }),
  place_labels: Type.Record(Type.String(), Type.String(), {
    description: "What the labels of any place that it gets must be.",
  }),
  may_move: Type.Boolean({
    description: "When its place is drained it starts elsewhere, with an empty volume.",
  }),
  labels: Type.Record(Type.String(), Type.String()),
  status: Type.Enum([...STATUSES]),
  status_reason: nullable(Type.String()),
  generation: Type.Integer({ description: "The number of its incarnation; 0 before the first launch." }),
  instance_id: nullable(Type.String(), {
    description: "The provider's id of what runs now. A removed workspace keeps it until it is proven gone.",
  }),
  url: nullable(Type.String()),
  version: Type.Integer({ description: "Counts its changes; the ETag." }),
  last_heartbeat_at: nullable(time("When its agent last reported.")),
  active_tasks: Type.Integer(),
  error_rate: Type.Number(),
  last_launched_at: nullable(time("When it was last launched.")),
  hibernate_after_minutes: nullable(Type.Integer()),
  expires_at: nullable(time("When it is deleted by itself.")),
  next_restart_at: nullable(time("Of one that is offline: when Berth tries a restart by itself.")),
  created_at: time("When it was accepted."),
  updated_at: time("When it last changed."),
  removed_at: nullable(time("When its delete was accepted.")),
};
/** What a list leaves out unless it is asked for. */
const MORE = { spec: ShownSpec };

export const LIST_FIELDS = Type.Array(
  expecting(
    "spec, which is all that a list leaves out",
    Type.Enum(Object.keys(MORE) as (keyof typeof MORE)[]),
  ),
  { description: "What a list leaves out, told of each workspace too.", minItems: 1, maxItems: 8 },
);

export const Workspace = named(
  "Workspace",
  Type.Object({ ...FIELDS, ...MORE }, { description: "One workspace." }),
);

export const ListedWorkspace = named(
  "ListedWorkspace",
  Type.Object(
    { ...FIELDS, spec: Type.Optional(ShownSpec) },
    { description: "A workspace as lists have it: with its `spec` where `fields=spec` asks for it." },
  ),
);

export function viewWorkspace(row: Row): Static<typeof Workspace> {
  return { ...viewListed(row), spec: shown(row.spec) };
}

export function viewListed(row: ListedRow): Static<typeof ListedWorkspace> {
  return {
    id: row.id,
    name: row.name,
    parent_id: row.parent_id,
    backend: row.backend,
    place: row.place,
    place_labels: row.place_labels,
    may_move: row.may_move,
    ...(row.spec === undefined ? {} : { spec: shown(row.spec) }),
    labels: row.labels,
    status: row.status,
    status_reason: row.status_reason,
    generation: row.generation,
    instance_id: row.instance_id,
    url: row.url,
    version: row.version,
    last_heartbeat_at: iso(row.last_heartbeat_at),
    active_tasks: row.active_tasks,
    error_rate: row.error_rate,
    last_launched_at: iso(row.last_launched_at),
    hibernate_after_minutes: row.hibernate_after_minutes,
    expires_at: iso(row.expires_at),
    next_restart_at: iso(row.next_restart_at),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    removed_at: iso(row.removed_at),
  };
}

/** @throws BerthError `invalid_request` for a day that no calendar has. */
export function expiryOf(text: string | null | undefined): Date | null {
  return text === null || text === undefined ? null : new Date(timeOf("expires_at", text));
}
