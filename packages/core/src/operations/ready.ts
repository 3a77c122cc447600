import { BackendError } from "../compute/backend-error.js";
import { volumeRef } from "../db/refs.js";
import { UP, type Status } from "../domain/status.js";
import { noteMissing } from "./launch.js";
import { find } from "./ledger.js";
import { askOf } from "./account-secrets.js";
import { launchSpecOf } from "./secrets.js";
import { callOf, type StepContext } from "./step.js";

/** Where something runs that a restart would stop. */
const RUNS: readonly Status[] = ["awaiting_agent", ...UP];

/**
 * Before anything is done for a launch: what its spec refers to must be there, and for a restart, whose stop can't be taken
 * back, the volume and the image as well (I14).
 * @throws BackendError
 */
export async function requireReady(context: StepContext): Promise<void> {
  const { workspace, operation, backend } = context;
  await launchSpecOf(workspace.spec, context.secretSources, askOf(context));
  if (operation.kind !== "restart" || backend.ready === undefined || !RUNS.includes(workspace.status)) return;
  const row = operation.new_volume ? undefined : await find(context, "volume");
  const volume = row?.state === "present" ? volumeRef(row) : null;
  try {
    await backend.ready({ volume, image: workspace.spec.image }, callOf(context));
  } catch (error) {
    if (error instanceof BackendError && error.code === "volume_missing") await noteMissing(context, error);
    throw error;
  }
}
