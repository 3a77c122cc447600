import { defined } from "@berth/core/base/defined";
import type { WorkspaceFilter } from "@berth/core/db/workspace-lists";
import { BACKENDS } from "@berth/core/domain/backend";
import { STATUSES } from "@berth/core/domain/status";
import Type, { type Static } from "typebox";
import { uuid } from "./common.js";
import { expecting } from "./expected.js";
import { CREATED, LABEL_FILTER, oneOrMore, readFilters } from "./filters.js";
import { PlaceName } from "./place-name.js";

/** Which workspaces: what lists and bulk operations may filter by. */
export const WORKSPACE_FILTER = {
  status: Type.Optional(oneOrMore(STATUSES, "Only those in one of these statuses.")),
  backend: Type.Optional(oneOrMore(BACKENDS, "Only those on one of these backends.")),
  place: Type.Optional(
    expecting(
      "one or more names of places, repeated or with commas between them",
      Type.Array(PlaceName, { description: "Only those in one of these places.", minItems: 1, maxItems: 32 }),
    ),
  ),
  parent_id: Type.Optional(uuid("Only the children of this workspace.")),
  name: Type.Optional(
    expecting(
      "a name of at most 128 characters",
      Type.String({
        minLength: 1,
        maxLength: 128,
        pattern: "^[^\\u0000]*$",
        description: "Only those with this very name.",
      }),
    ),
  ),
  label: Type.Optional(LABEL_FILTER),
  ...CREATED,
};

export const IDS = expecting(
  "one to 100 UUIDs, repeated or with commas between them",
  Type.Array(uuid(), { description: "Only these.", minItems: 1, maxItems: 100 }),
);
export const ID_PREFIX = expecting(
  "the beginning of an id: four hexadecimal digits or more, such as 0d9f6f2e",
  Type.String({
    maxLength: 36,
    pattern: "^([0-9a-fA-F]{4,8}|[0-9a-fA-F]{8}-[0-9a-fA-F-]*)$",
    description: "Only those whose id begins so.",
  }),
);

type Asked = { [Name in keyof typeof WORKSPACE_FILTER]?: Static<(typeof WORKSPACE_FILTER)[Name]> };

/** The filter as the database takes it. @throws BerthError `invalid_request` for a day that no calendar has. */
export function readWorkspaceFilter(asked: Asked): Omit<WorkspaceFilter, "after" | "limit"> {
  const { status, backend, place, parent_id, name } = asked;
  return {
    // Who asks for the status `removed` asks for removed ones.
    includeRemoved: status?.includes("removed") === true,
    ...defined({ statuses: status, backends: backend, places: place, parentId: parent_id, name }),
    ...readFilters(asked),
  };
}
