import type { BackendName } from "../../domain/backend.js";

/** What whoever starts Berth as root with the backend `process` should know; null: it doesn't concern them. */
export function processAsRoot(backends: readonly BackendName[], hasUser: boolean): string | null {
  if (!backends.includes("process") || process.getuid?.() !== 0 || hasUser) return null;
  return "the backend process isolates nothing and runs as root here: what its workspaces run may do whatever root may (BERTH_PROCESS_USER runs it as another user)";
}
