import type { CountedWebhook } from "@berth/core/db/webhooks";
import type { Delivery as DeliveryRow } from "@berth/core/db/webhook-deliveries";
import Type, { type Static } from "typebox";
import { iso, named, nullable, strictObject, time, uuid } from "./common.js";
import { EVENT_TYPES } from "./event.js";
import { expecting } from "./expected.js";
import { Labels } from "./workspace.js";

export const DELIVERY_STATES = ["pending", "delivered", "dead"] as const;

const Url = expecting(
  "a URL of at most 2048 characters, such as https://example.com/berth",
  Type.String({
    minLength: 1,
    maxLength: 2_048,
    pattern: "^[a-zA-Z][a-zA-Z0-9+.\\-]*://[\\x21-\\x7e]+$",
    description: "Where each event is sent by POST. Redirects aren't followed.",
    examples: ["https://example.com/berth"],
  }),
);
const Description = expecting(
  "text of at most 512 characters without control characters",
  Type.String({ maxLength: 512, pattern: "^[^\\u0000-\\u001f\\u007f]*$" }),
);
const Types = nullable(
  expecting("1 to 64 types of events", Type.Array(EVENT_TYPES.items, { minItems: 1, maxItems: 64 })),
  {
    description: "Only events of one of these types; null: all but those of webhooks.",
  },
);
export const WebhookParams = Type.Object({ id: uuid("Id of the webhook.") });

const WorkspaceId = nullable(uuid(), { description: "Only events of this workspace; null: of all." });
const Enabled = expecting(
  "true or false",
  Type.Boolean({ description: "While it is disabled nothing is sent, and events that come are never told." }),
);

export const WebhookBody = strictObject(
  {
    url: Url,
    description: Type.Optional(Description),
    types: Type.Optional(Types),
    workspace_id: Type.Optional(WorkspaceId),
    labels: Type.Optional(Labels),
    enabled: Type.Optional(Enabled),
  },
  { examples: [{ url: "https://example.com/berth", types: ["workspace.online", "workspace.failed"] }] },
);

export const WebhookPatch = expecting(
  "a JSON object with at least one of url, description, types, workspace_id, labels and enabled",
  strictObject(
    {
      url: Type.Optional(Url),
      description: Type.Optional(Description),
      types: Type.Optional(Types),
      workspace_id: Type.Optional(WorkspaceId),
      labels: Type.Optional(Labels),
      enabled: Type.Optional(Enabled),
    },
    {
      minProperties: 1,
      description: "What is given replaces what was, as a whole.",
      examples: [{ enabled: false }],
    },
  ),
);

export const Webhook = named(
  "Webhook",
  Type.Object(
    {
      id: uuid(),
      url: Type.String(),
      description: Type.String(),
      types: nullable(Type.Array(Type.String())),
      workspace_id: nullable(uuid()),
      labels: Type.Record(Type.String(), Type.String(), {
        description: "Only events of workspaces that have all these labels when it is planned.",
      }),
      enabled: Type.Boolean(),
      disabled_reason: nullable(Type.String(), {
        description: "Why nothing is sent; null if it is enabled.",
      }),
      pending: Type.Integer({ description: "Deliveries that wait, up to 10,000." }),
      dead: Type.Integer({ description: "Deliveries that were given up, up to 10,000: the dead letters." }),
      failing: Type.Integer({ description: "How many batches in a row it has refused or not taken." }),
      next_attempt_at: nullable(time("Until when it is left alone for that."), {}),
      version: Type.Integer({ description: "Counts its changes; the ETag." }),
      created_at: time("When it was made."),
      updated_at: time("When it last changed."),
      created_by: Type.String(),
    },
    { description: "Who is told of events by HTTP." },
  ),
);

export const WEBHOOK_EXAMPLE = {
  id: "5f0c2a7e-91d4-4b7c-8a36-d2e1f4b3c5a6",
  url: "https://example.com/berth",
  description: "",
  types: ["workspace.online", "workspace.failed"],
  workspace_id: null,
  labels: {},
  enabled: true,
  disabled_reason: null,
  pending: 0,
  dead: 0,
  failing: 0,
  next_attempt_at: null,
  version: 1,
  created_at: "2026-11-24T09:30:00.000Z",
  updated_at: "2026-11-24T09:30:00.000Z",
  created_by: "admin",
};

export const Delivery = named(
  "WebhookDelivery",
  Type.Object(
    {
      id: uuid("The header `webhook-id`: the same at each attempt."),
      webhook_id: uuid(),
      event_id: nullable(Type.Integer(), { description: "Null: a ping." }),
      event_type: Type.String(),
      data: Type.Record(Type.String(), Type.Unknown(), { description: "As it is sent." }),
      state: Type.Enum([...DELIVERY_STATES], { description: "`dead`: given up." }),
      attempts: Type.Integer(),
      max_attempts: Type.Integer(),
      next_attempt_at: nullable(time("When it is sent next, at the earliest."), {}),
      last_status: nullable(Type.Integer(), { description: "What the last attempt was answered with." }),
      last_error: nullable(Type.String(), { description: "Why the last attempt failed." }),
      last_attempt_at: nullable(time("When it was last sent."), {}),
      created_at: time("When it was planned."),
      ended_at: nullable(time("When it was delivered or given up."), {}),
    },
    { description: "One event for one webhook." },
  ),
);

export const DELIVERY_EXAMPLE = {
  id: "b7d1c9e2-3f48-4a06-9c5b-1e2d3a4f5b60",
  webhook_id: WEBHOOK_EXAMPLE.id,
  event_id: 7,
  event_type: "workspace.online",
  data: {
    id: 7,
    event_type: "workspace.online",
    workspace_id: "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f",
    operation_id: null,
    trace_id: null,
    payload: {},
    created_at: "2026-11-24T09:31:00.000Z",
  },
  state: "dead" as const,
  attempts: 12,
  max_attempts: 12,
  next_attempt_at: null,
  last_status: 500,
  last_error: "it answered 500: no",
  last_attempt_at: "2026-11-24T12:01:00.000Z",
  created_at: "2026-11-24T09:31:00.000Z",
  ended_at: "2026-11-24T12:01:00.000Z",
};

export function viewWebhook(row: CountedWebhook): Static<typeof Webhook> {
  return {
    id: row.id,
    url: row.url,
    description: row.description,
    types: row.types,
    workspace_id: row.workspace_id,
    labels: row.labels,
    enabled: row.enabled,
    disabled_reason: row.enabled ? null : (row.disabled_reason ?? "asked for"),
    pending: row.pending,
    dead: row.dead,
    failing: row.failures,
    next_attempt_at: iso(row.blocked_until),
    version: row.version,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    created_by: row.created_by,
  };
}

export function viewDelivery(row: DeliveryRow): Static<typeof Delivery> {
  return {
    id: row.id,
    webhook_id: row.webhook_id,
    event_id: row.event_id,
    event_type: row.event_type,
    data: row.data,
    state: row.state,
    attempts: row.attempts,
    max_attempts: row.max_attempts,
    next_attempt_at: row.state === "pending" ? row.due_at.toISOString() : null,
    last_status: row.last_status,
    last_error: row.last_error,
    last_attempt_at: iso(row.last_attempt_at),
    created_at: row.created_at.toISOString(),
    ended_at: iso(row.ended_at),
  };
}
