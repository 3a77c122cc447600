import type { components, paths } from "./generated/openapi.js";

type Schemas = components["schemas"];

export type Workspace = Schemas["Workspace"];
/** As lists have it: its `spec` only where `fields` asked for it. */
export type ListedWorkspace = Schemas["ListedWorkspace"];
export type Operation = Schemas["Operation"];
export type BulkOperation = Schemas["BulkOperation"];
export type Resource = Schemas["Resource"];
export type StructureEvent = Schemas["StructureEvent"];
export type Leak = Schemas["Leak"];
export type Sweep = Schemas["Sweep"];
export type ApiKey = Schemas["ApiKey"];
export type Place = Schemas["Place"];
export type Quota = Schemas["Quota"];
export type Webhook = Schemas["Webhook"];
export type WebhookDelivery = Schemas["WebhookDelivery"];
export type Problem = Schemas["Problem"];
export type Status = Workspace["status"];

export type { paths };
