import type { OpenResource } from "./resources.js";

// What backends are told of a row of the ledger: the forms are those of `compute/backend.ts`, which this folder doesn't know.

/** Of an instance: an `InstanceRef`. */
export function instanceRef(row: OpenResource) {
  return { ...volumeRef(row), generation: row.generation };
}

/** Of a volume or a DNS record: a `VolumeRef`. */
export function volumeRef(row: OpenResource) {
  return {
    resourceId: row.id,
    workspaceId: row.workspace_id,
    name: row.name,
    providerId: row.provider_id,
    clientToken: row.client_token,
    details: row.details,
    // Since the row was read it has only aged: what is too young for proof here is so all the more.
    askedAt: row.asked_ms_ago === null ? null : performance.now() - row.asked_ms_ago,
  };
}
