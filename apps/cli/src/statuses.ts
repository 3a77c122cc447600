import type { Operation, Status } from "@berth/client";

/** As the API knows them; the types see that none of these is unknown to it. */
export const STATUSES = [
  "provisioning",
  "awaiting_agent",
  "online",
  "degraded",
  "offline",
  "failed",
  "paused",
  "hibernated",
  "removed",
] as const satisfies readonly Status[];

export const STATES = [
  "queued",
  "running",
  "succeeded",
  "failed",
  "cancelled",
] as const satisfies readonly Operation["state"][];

export const KINDS = [
  "provision",
  "restart",
  "pause",
  "resume",
  "hibernate",
  "delete",
] as const satisfies readonly Operation["kind"][];

export const BACKENDS = ["docker", "ec2", "process", "external"] as const;
