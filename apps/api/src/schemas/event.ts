import { BerthError } from "@berth/core/base/errors";
import { didYouMean } from "@berth/core/config/did-you-mean";
import type { StructureEvent as Row } from "@berth/core/db/events";
import { EVENT_TYPES as KNOWN } from "@berth/core/domain/events";
import Type, { type Static } from "typebox";
import { named, nullable, time, uuid } from "./common.js";
import { expecting } from "./expected.js";

export const StructureEvent = named(
  "StructureEvent",
  Type.Object(
    {
      id: Type.Integer({ description: "Grows with time." }),
      event_type: Type.String(),
      workspace_id: nullable(uuid()),
      operation_id: nullable(uuid()),
      trace_id: nullable(Type.String(), {
        description: "That of its operation.",
      }),
      payload: Type.Record(Type.String(), Type.Unknown()),
      created_at: time("When it was written."),
    },
    { description: "What happened, and why." },
  ),
);

export const AFTER_ID = expecting(
  "the id of an event",
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: "Events after this id." }),
);
export const EVENT_TYPES = expecting(
  "types of events, such as workspace.online, repeated for several",
  Type.Array(Type.String({ pattern: "^[a-z0-9_.]{1,128}$" }), {
    maxItems: 64,
    description: "Only events of one of these types.",
    examples: [["workspace.online", "workspace.failed"]],
  }),
);

/**
 * A filter of types, each of which there is: one that is misspelt would never be heard.
 * @throws BerthError `invalid_request` with the one that was probably meant.
 */
export function requireEventTypes(field: "type" | "types", types: readonly string[]): readonly string[] {
  const known: readonly string[] = KNOWN;
  const errors = types.flatMap((type, at) => {
    if (known.includes(type)) return [];
    const meant = didYouMean(type, known);
    const hint = meant === null ? "docs/events.md lists them" : `did you mean ${meant}?`;
    return [{ field: `${field}[${at}]`, expected: `a type of event; there is no ${type}: ${hint}` }];
  });
  if (errors.length === 0) return types;
  const message = errors.map(({ field: where, expected }) => `${where}: expected ${expected}`).join("; ");
  throw new BerthError("invalid_request", message, { errors });
}

export function viewEvent(row: Row): Static<typeof StructureEvent> {
  return {
    id: row.id,
    event_type: row.event_type,
    workspace_id: row.workspace_id,
    operation_id: row.operation_id,
    trace_id: row.trace_id,
    payload: payloadOf(row),
    created_at: row.created_at.toISOString(),
  };
}

/** Who asked was once told as `by` in some events. */
function payloadOf({ payload }: Row): Record<string, unknown> {
  const { by, ...rest } = payload;
  return typeof by === "string" && rest["requested_by"] === undefined
    ? { ...rest, requested_by: by }
    : payload;
}
