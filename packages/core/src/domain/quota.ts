import type { BackendName } from "./backend.js";
import { limitsOf, type Spec } from "./spec.js";
import { statusAfter, type OperationKind } from "./operation.js";
import { AT_REST, SUSPENDED, type Status } from "./status.js";

/** A label of a workspace, or the `name:*` of a quota for each value of that label alone. */
export interface Label {
  key: string;
  value: string;
}

/** The value of a quota that holds for each value that has none of its own. */
export const EACH = "*";
/** As many as a quota may allow. */
export const MAX_RUNNING = 1_000_000;

/** What workspaces of a label may take together besides how many run; null: as much as they like. */
export interface SizeLimits {
  /** Of those that run with limits that are kept: `docker` and `process`. */
  max_memory_mb: number | null;
  max_cpus: number | null;
  /** Of all on `ec2` that aren't removed. */
  max_volume_gb: number | null;
  /** Operations that wait for a worker. */
  max_waiting: number | null;
}

export const UNLIMITED: SizeLimits = {
  max_memory_mb: null,
  max_cpus: null,
  max_volume_gb: null,
  max_waiting: null,
};

/** How much of these is taken. */
export interface SizeUse {
  memory_mb: number;
  cpus: number;
  volume_gb: number;
  waiting: number;
}

/** What a workspace takes of a label's quota. The functions `spec_…` and `label_use` of the migrations repeat it in SQL. */
export function sizeOf(backend: BackendName, spec: Spec): Omit<SizeUse, "waiting"> {
  const { memoryBytes, cpus } = limitsOf(spec);
  const limited = backend === "docker" || backend === "process";
  return {
    memory_mb: limited ? memoryBytes / 2 ** 20 : 0,
    cpus: limited ? cpus : 0,
    volume_gb: backend === "ec2" ? (spec.ec2?.volume_gb ?? USUAL_VOLUME_GB) : 0,
  };
}
/** Where a spec says nothing. */
const USUAL_VOLUME_GB = 20;

const LABEL = /^([A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?):((?:(?!\p{Cc}|[\u2028\u2029]).){0,256})$/u;

/** Reads `team:red`; null if it isn't a label that a workspace could have. */
export function parseLabel(text: string): Label | null {
  const [, key, value] = LABEL.exec(text) ?? [];
  return key === undefined || value === undefined ? null : { key, value };
}

export function labelText({ key, value }: Label): string {
  return `${key}:${value}`;
}

/**
 * True if a workspace counts as running for quotas: it runs, or is to run when all that was accepted has been done.
 * What failed or is offline counts, since a restart is always open to it. A pause that somebody has asked to cancel
 * gives no place away: it may end either way. The function `workspace_runs` of the migrations repeats it in SQL.
 * @param last its last unfinished operation.
 */
export function countsAsRunning(
  status: Status,
  last: { kind: OperationKind; cancel_requested_at: Date | null } | undefined,
): boolean {
  if (status === "removed") return false;
  if (last === undefined) return !AT_REST.includes(status);
  return !SUSPENDED.includes(statusAfter(last.kind)) || last.cancel_requested_at !== null;
}
