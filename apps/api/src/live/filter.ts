import type { PlacedEvent } from "@berth/core/db/events";
import { requireEventTypes } from "../schemas/event.js";
import { labelsOf } from "../schemas/filters.js";

export type EventFilter = (event: PlacedEvent) => boolean;

/** Events of a workspace, of any of these types, of a workspace that has all these labels (`key:value`) now. @throws BerthError `invalid_request` for a type that there is not. */
export function eventFilter(wanted: {
  workspace_id?: string;
  type?: readonly string[];
  label?: readonly string[];
}): EventFilter {
  const types = wanted.type === undefined ? null : new Set(requireEventTypes("type", wanted.type));
  const labels = Object.entries(labelsOf(wanted.label ?? []));
  return (event) =>
    (wanted.workspace_id === undefined || event.workspace_id === wanted.workspace_id) &&
    (types === null || types.has(event.event_type)) &&
    labels.every(([key, value]) => event.labels !== null && event.labels[key] === value);
}
