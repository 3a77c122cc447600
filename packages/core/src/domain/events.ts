import { OPERATION_KINDS, type OperationKind } from "./operation.js";
import { EVENT_FIELDS, FAILURE, type Field, type FieldName } from "./event-fields.js";
import { event, type EventRule } from "./event-rule.js";
import { PLACE_EVENTS } from "./place-events.js";

const LEAK = ["leak_id", "source", "backend", "kind", "provider_id", "name", "requested_by"] as const;

const WEBHOOK = ["webhook_id", "origin", "requested_by"] as const;

const KEY = ["key_id", "name", "scope", "expires_at", "requested_by"] as const;

/** Every type of event besides those of {@link OPERATION_EVENTS}. */
export const EVENTS = {
  "workspace.provisioning": event("a workspace was accepted", [
    "name",
    "backend",
    "place",
    "parent_id",
    "source",
    "requested_by",
  ]),
  "workspace.awaiting_agent": event("its instance runs, and its agent is waited for", [
    "generation",
    "requested_by",
  ]),
  "workspace.online": event("it is online", ["generation", "requested_by"], ["from"]),
  "workspace.offline": event(
    "its instance is dead, or its agent silent",
    ["reason", "from", "instance_id", "generation", "requested_by"],
    ["silent_ms", "state", "provider_reason"],
  ),
  "workspace.paused": event("it is stopped, as asked for", ["generation", "requested_by"]),
  "workspace.hibernated": event("it is stopped, since it isn't needed now", ["generation", "requested_by"]),
  "workspace.failed": event(
    "an operation, its start or its restarts have failed",
    ["reason", "message"],
    ["requested_by", "generation", "from", "waited_ms"],
  ),
  "workspace.removed": event(
    "its delete was accepted",
    ["from", "instance_id", "source", "requested_by"],
    ["cascade_from"],
  ),
  "workspace.updated": event("it was changed by PATCH", ["fields", "source", "requested_by"]),
  "workspace.expiring": event("it expires soon", ["expires_at"]),
  "workspace.expired": event("it has expired, and is deleted", ["expires_at"]),
  "workspace.crash_loop": event("it has been restarted too often, and won't be any more", [
    "restarts",
    "window_ms",
    "generation",
    "requested_by",
  ]),
  "workspace.contradiction": event("its provider calls its instance dead while its agent is heard", [
    "requested_by",
    "instance_id",
    "provider_says",
    "heartbeat_ms_ago",
  ]),
  "workspace.heartbeat.stale": event("an agent of an older incarnation was heard, and ignored", [
    "generation",
  ]),
  "workspace.instance.launched": event("an instance was launched", ["instance_id", "generation"], [], true),
  "workspace.volume.missing": event("its volume has vanished; an empty one is made only if asked for", [
    "volume_id",
    "name",
    "created_at",
    "new_volume",
    "requested_by",
  ]),
  "workspace.instance.gone": event("an instance is proven gone", [
    "instance_id",
    "generation",
    "provider_reason",
  ]),
  "workspace.delete.terminate_retry_exhausted": event(
    "a delete could not prove all gone; the sweep removed-instances goes on",
    FAILURE,
  ),
  "workspace.leak.reaped": event("something that no workspace claimed is gone", [
    "sweep",
    "backend",
    "place",
    "kind",
    "provider_id",
    "name",
    "generation",
    "created_at",
    "age_seconds",
    "first_seen_at",
    "sightings",
    "attempts",
    "why",
  ]),
  "workspace.leak.held": event(
    "a volume whose workspace has no row was seen: it is only reported until then",
    ["sweep", "backend", "place", "kind", "provider_id", "name", "created_at", "held_until", "why"],
  ),
  "workspace.leak.retry_requested": event("somebody wants a leak tried again", LEAK),
  "workspace.moved": event("it leaves a place that is drained for another one, without its volume", [
    "place",
    "from_place",
    "why",
    "requested_by",
  ]),
  "workspace.place_lost": event("its place was given up, and what it had there with it", [
    "place",
    "lost",
    "why",
    "requested_by",
  ]),
  "workspace.leak.released": event("somebody says that a leak is handled", [...LEAK, "why"]),
  "bulk.requested": event("a bulk operation was accepted", ["bulk_id", "kind", "workspaces", "requested_by"]),
  "quota.changed": event("a quota was set", ["label", "max_running", "was", "requested_by"]),
  "quota.removed": event("a quota was removed", ["label", "was", "requested_by"]),
  "api_key.created": event("a key was made", KEY),
  "api_key.revoked": event("a key was revoked", KEY),
  ...PLACE_EVENTS,
  "sweep.held": event(
    "a sweep's breaker holds its acts",
    ["sweep", "looked_at", "would_act", "actions"],
    ["place"],
  ),
  "sweep.released": event("a sweep's breaker holds nothing any more", ["sweep", "approved_by"], ["place"]),
  "sweep.approved": event(
    "somebody approved what a breaker held",
    ["sweep", "requested_by", "acts"],
    ["place"],
  ),
  "sweep.paused": event("a sweep was paused", ["sweep", "requested_by"]),
  "sweep.resumed": event("a sweep runs again", ["sweep", "requested_by"]),
  "webhook.created": event("a webhook was made", WEBHOOK),
  "webhook.changed": event("a webhook was changed", [...WEBHOOK, "changed"]),
  "webhook.secret_changed": event("a webhook has a new secret", WEBHOOK),
  "webhook.removed": event("a webhook was removed", WEBHOOK),
  "webhook.disabled": event("a webhook was disabled by itself", ["webhook_id", "reason"]),
  "webhook.delivery_failed": event("the last attempt to tell a webhook has failed", [
    "webhook_id",
    "delivery_id",
    "event_type",
    "attempts",
    "status",
    "error",
  ]),
  "webhook.ping": event("a ping was asked for; only its webhook is told", ["webhook_id", "requested_by"]),
} as const;

/** What is told of the operations of each kind: `workspace.<kind>.requested` and so on. */
export const OPERATION_EVENTS = {
  requested: event("one was accepted", ["source", "requested_by"], ["cascade_from", "reason", "generation"]),
  cancel_requested: event("somebody wants one that has begun cancelled", ["source", "requested_by"]),
  succeeded: event("one has succeeded", ["attempt", "coalesced", "requested_by"], ["generation"]),
  failed: event("the last attempt of one has failed", FAILURE),
  stop_retry_exhausted: event("one could not prove the instance stopped", FAILURE),
  cancelled: event(
    "one was cancelled",
    ["reason", "coalesced", "requested_by"],
    ["phase", "cancelled_by", "source"],
  ),
} as const;

type OperationEvent = keyof typeof OPERATION_EVENTS;

/** What a delete that gave up tells is {@link EVENTS}' `workspace.delete.terminate_retry_exhausted`. */
type OperationEventType<E extends OperationEvent = OperationEvent> = `workspace.${OperationKind}.${E}`;

export type EventType = keyof typeof EVENTS | OperationEventType;

/** Every type of event there is. */
export const EVENT_TYPES: readonly EventType[] = [
  ...(Object.keys(EVENTS) as (keyof typeof EVENTS)[]),
  ...OPERATION_KINDS.flatMap((kind) =>
    (Object.keys(OPERATION_EVENTS) as OperationEvent[]).map(
      (ending) => `workspace.${kind}.${ending}` as const,
    ),
  ),
];

type ValueOf<F extends FieldName> = (typeof EVENT_FIELDS)[F] extends Field<infer T> ? T : never;

type PayloadOf<R> =
  R extends EventRule<infer Always, infer AtTimes, infer More>
    ? { [F in Always]: ValueOf<F> } & { [F in AtTimes]?: ValueOf<F> } & (More extends true
          ? Record<string, unknown>
          : unknown)
    : never;

interface Told<T extends EventType, R> {
  event_type: T;
  workspace_id: string | null;
  operation_id?: string | null;
  payload: PayloadOf<R>;
}

/** An event to be written, with the payload of its type. */
export type NewEvent =
  | { [T in keyof typeof EVENTS]: Told<T, (typeof EVENTS)[T]> }[keyof typeof EVENTS]
  | {
      [E in OperationEvent]: Told<OperationEventType<E>, (typeof OPERATION_EVENTS)[E]>;
    }[OperationEvent];

/** What a type's payload has. */
export type EventPayload<T extends EventType> = T extends keyof typeof EVENTS
  ? PayloadOf<(typeof EVENTS)[T]>
  : T extends OperationEventType<infer E>
    ? PayloadOf<(typeof OPERATION_EVENTS)[E]>
    : never;

/** For a type that is known only when it is written. */
export function newEvent<T extends EventType>(
  event_type: T,
  workspace_id: string | null,
  payload: EventPayload<T>,
  operation_id: string | null = null,
): NewEvent {
  return { event_type, workspace_id, operation_id, payload } as unknown as NewEvent;
}
