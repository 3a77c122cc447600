import type { Operation, Status, Workspace } from "@berth/client";

/** The words of one of the API's types. A word too many doesn't compile, and neither does one too few. */
export function wordsOf<T extends string>(words: Readonly<Record<T, true>>): readonly T[] {
  return Object.keys(words) as T[];
}

export const STATUSES = wordsOf<Status>({
  provisioning: true,
  awaiting_agent: true,
  online: true,
  degraded: true,
  offline: true,
  failed: true,
  paused: true,
  hibernated: true,
  removed: true,
});

export const STATES = wordsOf<Operation["state"]>({
  queued: true,
  running: true,
  succeeded: true,
  failed: true,
  cancelled: true,
});

export const KINDS = wordsOf<Operation["kind"]>({
  provision: true,
  restart: true,
  pause: true,
  resume: true,
  hibernate: true,
  delete: true,
});

export const BACKENDS = wordsOf<Workspace["backend"]>({
  docker: true,
  ec2: true,
  process: true,
  external: true,
});
