import type { BackendName } from "../../domain/backend.js";

/** What whoever starts Berth as root with the backend `process` should know; null: it doesn't concern them. */
export function processAsRoot(backends: readonly BackendName[]): string | null {
  if (!backends.includes("process") || process.getuid?.() !== 0) return null;
  return "the backend process isolates nothing and runs as root here: what its workspaces run may do whatever root may";
}
