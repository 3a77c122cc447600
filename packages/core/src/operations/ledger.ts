import { randomUUID } from "node:crypto";
import { intendResource, openResources, type OpenResource, type ResourceKind } from "../db/resources.js";
import { requireHere, type StepContext } from "./step.js";

/** The row of a thing that is to be made, written before its provider is asked (I3), or the one that is there. */
export async function intend(context: StepContext, kind: ResourceKind, name?: string): Promise<OpenResource> {
  const { workspace } = context;
  const found = await find(context, kind);
  if (found !== undefined) return found;
  const id = randomUUID();
  const row = await context.fenced((tx) =>
    intendResource(tx, {
      id,
      workspace_id: workspace.id,
      kind,
      backend: context.backend.name,
      place: context.place,
      name: name ?? `ws-${workspace.id}`,
      // New for each ledger row, so a launch after a proven end never meets the token of a dead instance.
      client_token: id,
      generation: generationOf(context),
    }),
  );
  return { ...row, asked_ms_ago: null };
}

/** The workspace's row of that kind that isn't `gone`. @throws BackendError `wrong_place` (I12) */
export async function find(context: StepContext, kind: ResourceKind): Promise<OpenResource | undefined> {
  const row = (await openResources(context.db, context.workspace.id)).find((one) => one.kind === kind);
  return row === undefined ? undefined : requireHere(context, row);
}

/** The generation that this operation launches. */
export function generationOf(context: StepContext): number {
  if (context.operation.generation === null) throw new Error("`prepare` runs before all other launch steps");
  return context.operation.generation;
}
