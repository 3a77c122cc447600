import type { Backend } from "../compute/backend.js";
import { BackendError } from "../compute/backend-error.js";
import type { OpenResource } from "../db/resources.js";
import { volumeRef } from "../db/refs.js";
import { callOf, type HeldContext } from "../operations/step.js";
import { untilGone } from "../operations/stop.js";

/** Asks the provider to remove one thing, until it says that it is gone (I4). @throws BackendError */
export async function askAway(context: HeldContext, row: OpenResource): Promise<void> {
  if (row.kind === "instance") return untilGone(context, row);
  if (row.kind === "dns_record") {
    await context.backend.dns?.remove(volumeRef(row), callOf(context));
    return;
  }
  context.check();
  const answer = await context.backend.removeVolume(volumeRef(row), callOf(context));
  if (answer === "in_use")
    throw new BackendError("backend_failed", "transient", `volume ${row.name} is still in use`, {
      providerCode: "in_use",
    });
}

/** What has no row in the ledger, in the form of one, for the code that removes what has. */
export function asLedgerRow(
  id: string,
  workspaceId: string,
  name: string,
  kind: OpenResource["kind"],
  place: string,
  backend: Backend,
): OpenResource {
  const never = new Date(0);
  return {
    id,
    workspace_id: workspaceId,
    kind,
    backend: backend.name,
    place,
    name,
    client_token: id,
    provider_id: null,
    generation: 0,
    asked_at: null,
    asked_ms_ago: null,
    state: "releasing",
    details: {},
    attempts: 0,
    next_attempt_at: null,
    last_error: null,
    created_at: never,
    updated_at: never,
    gone_at: null,
    released: null,
  };
}
