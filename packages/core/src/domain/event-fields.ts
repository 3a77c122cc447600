/** A field of payloads: what it says, and the type of its value. */
export interface Field<T> {
  words: string;
  /** Only for the compiler. */
  value?: T;
}

const field = <T>(words: string): Field<T> => ({ words });

/** Every field that a payload has. Times are ISO 8601. */
export const EVENT_FIELDS = {
  actions: field<readonly object[]>(
    "the first 20 of the acts that are held, each with `key`, `what` and `why`",
  ),
  acts: field<number>("how many acts are approved"),
  age_seconds: field<number>("how old it was, in seconds"),
  approved_by: field<string | null>("who approved; null: the picture has changed by itself"),
  attempt: field<number>("which attempt of the operation it was, from 1"),
  attempts: field<number>("how often it was tried"),
  backend: field<string>("the backend"),
  bulk_id: field<string>("the bulk operation"),
  cancelled_by: field<string>("who cancelled it"),
  cascade_from: field<string>("the workspace of whose request it is a part"),
  changed: field<readonly string[]>("names of the fields that were given"),
  coalesced: field<number>("how many requests the operation served"),
  code: field<string>("the error's code"),
  confirmed_by: field<string | null>("who said that it is the one; null: what was found there says so"),
  created_at: field<Date | null>("since when the thing is there"),
  delivery_id: field<string>("the delivery"),
  error: field<string | null>("why it wasn't taken"),
  event_type: field<string>("the type of the event that was to be told"),
  expires_at: field<Date | string | null>("when it expires"),
  fields: field<readonly string[]>("names of the fields that were changed"),
  first_seen_at: field<Date>("when it was first seen unclaimed"),
  from: field<string>("the status before"),
  generation: field<number | null>("the workspace's incarnation"),
  held_until: field<Date>("until when it is only reported"),
  heartbeat_ms_ago: field<number | null>("how long ago the agent was last heard, in ms"),
  identity: field<string | null>("who answers, as the provider tells it; null: it tells nothing"),
  installation: field<string>("the other installation's id"),
  instance_id: field<string | null>("the provider's id of the instance"),
  key_id: field<string>("the key"),
  kind: field<string>("the kind of the operation, or of the thing: `instance`, `volume` or `dns_record`"),
  label: field<string>("the label, as `name:value`"),
  leak_id: field<string>("the leak"),
  lost: field<readonly string[]>("the kinds of what the workspace had there"),
  looked_at: field<number>("how many things the sweep compared"),
  max_running: field<number>("how many may run"),
  message: field<string>("what went wrong, in words"),
  name: field<string | null>("its name"),
  next_attempt_at: field<Date | null>("when the first of what is owed is tried again"),
  origin: field<string>("scheme, host and port of its URL"),
  owed: field<readonly object[]>(
    "what isn't proven gone, each with `resource_id`, `kind`, `provider_id` and `attempts`",
  ),
  parent_id: field<string | null>("the parent"),
  phase: field<string | null>("the step that the operation was at"),
  place: field<string>("the place: one daemon, one account in one Region, one machine"),
  problem: field<string | null>("what is wrong, in one sentence with both identities; null: nothing"),
  provider_code: field<string | null>("the provider's own code"),
  provider_id: field<string | null>("the provider's id"),
  provider_reason: field<string | null>("what the provider says of why"),
  provider_says: field<string | null>("the state that the provider tells"),
  reason: field<string>("why, in a word"),
  recorded: field<string | null>("who the place is, as it is recorded; null: not yet"),
  requested_by: field<string>("who asked: a key's name, or a sweep"),
  restarts: field<number>("how many restarts there were"),
  scope: field<string>("what the key may do"),
  sightings: field<number>("how often it was seen unclaimed"),
  silent_ms: field<number>("how long the agent has been silent, in ms"),
  source: field<string>("what asked: `api`, `cascade`, a sweep; of a leak: `obligation` or `unclaimed`"),
  state: field<string>("the state that the provider tells"),
  status: field<number | null>("the HTTP status of the last answer; null: none came"),
  sweep: field<string>("the sweep"),
  new_volume: field<boolean>("an empty volume was asked for and takes its place"),
  volume_id: field<string | null>("the provider's id of the volume"),
  waited_ms: field<number>("how long it was waited for, in ms"),
  things: field<number>("how many things of its were seen"),
  was: field<number | null>("how many might run before; null: as many as like"),
  webhook_id: field<string>("the webhook"),
  why: field<string>("why, in a sentence"),
  window_ms: field<number>("within how many ms"),
  worker: field<string>("the worker process that says so"),
  workspace_id: field<string>("the workspace"),
  workspaces: field<number>("how many workspaces it is for"),
  would_act: field<number>("how many acts the sweep would do"),
} as const;

export type FieldName = keyof typeof EVENT_FIELDS;

/** What each event of a failure tells. */
export const FAILURE = [
  "workspace_id",
  "instance_id",
  "phase",
  "attempts",
  "code",
  "provider_code",
  "message",
  "owed",
  "next_attempt_at",
  "requested_by",
] as const;
