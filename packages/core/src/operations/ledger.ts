import { randomUUID } from "node:crypto";
import { WithCommit } from "../db/sent.js";
import { intendResource, markAsked, type OpenResource, type ResourceKind } from "../db/resources.js";
import { requireHere, type StepContext } from "./step.js";

/**
 * The row of a thing that is to be made, or the one that is there; and with it that its provider is about to be asked, which
 * is the next that is done (I3).
 * @param found what the ledger has of that kind
 */
export async function intend(
  context: StepContext,
  kind: ResourceKind,
  found: OpenResource | undefined,
  name?: string,
): Promise<OpenResource> {
  const { workspace } = context;
  if (found !== undefined) {
    await context.fenced((tx) => markAsked(tx, found.id));
    context.ledger.asked(found);
    return found;
  }
  const id = randomUUID();
  const made = await context.fenced(
    async (tx) =>
      new WithCommit(
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
      ),
  );
  const row = { ...made, asked_ms_ago: null };
  context.ledger.asked(row);
  return row;
}

/** The workspace's row of that kind that isn't `gone`. @throws BackendError `wrong_place` (I12) */
export async function find(context: StepContext, kind: ResourceKind): Promise<OpenResource | undefined> {
  return (await findAll(context)).get(kind);
}

/** As {@link find}, of all kinds. */
export async function findAll(context: StepContext): Promise<Map<ResourceKind, OpenResource>> {
  const rows = await context.ledger.open();
  return new Map(rows.map((row) => [row.kind, requireHere(context, row)]));
}

/** The generation that this operation launches. */
export function generationOf(context: StepContext): number {
  if (context.operation.generation === null) throw new Error("`prepare` runs before all other launch steps");
  return context.operation.generation;
}
