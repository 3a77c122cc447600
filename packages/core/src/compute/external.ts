import type { Backend } from "./backend.js";
import { BackendError } from "./backend-error.js";

/**
 * For workspaces that run elsewhere: Berth knows them by their heartbeats, and neither starts nor stops
 * anything. No operation asks it to; what does so all the same is a fault of ours, and is told.
 */
export function createExternalBackend(): Backend {
  const nothing = (what: string): BackendError =>
    new BackendError("invalid_spec", "permanent", `backend "external" can't ${what}: Berth doesn't run it`);
  return {
    name: "external",
    settleMs: 0,
    // Nowhere has one name.
    identify: () => Promise.resolve("external"),
    async createVolume() {
      throw nothing("make a volume");
    },
    async removeVolume() {
      return "gone";
    },
    async launch() {
      throw nothing("launch an instance");
    },
    async stop() {
      return "gone";
    },
    probe: (instances) =>
      Promise.resolve(new Map(instances.map(({ resourceId }) => [resourceId, "unknown"]))),
    listOwned: () => Promise.resolve([]),
    logs: () => Promise.resolve({ lines: [], cursor: null, truncated: false }),
    close: () => Promise.resolve(),
  };
}
