import type { ProviderCall, RunRecord } from "./record.js";

export const WORKSPACE_TAG = "berth:workspace";
export const RESOURCE_TAG = "berth:resource";
export const GENERATION_TAG = "berth:generation";

/** The life of an EC2 instance, by the provider's own log. */
export interface Life {
  id: string;
  workspace: string;
  resource: string;
  generation: number;
  madeAt: number;
  /** When it began to end, whoever ended it. Null: it hasn't. */
  endingAt: number | null;
  goneAt: number | null;
}

export function instanceLives(record: RunRecord): Life[] {
  const { made, changes } = record.provider;
  const ending = new Map<string, number>();
  const gone = new Map<string, number>();
  for (const { id, to, at } of changes) {
    if (["shutting-down", "terminated", "stopping", "stopped"].includes(to)) keep(ending, id, at);
    if (to === "terminated") keep(gone, id, at);
  }
  return made
    .filter(({ id }) => id.startsWith("i-"))
    .map(({ id, at, tags }) => ({
      id,
      workspace: tags[WORKSPACE_TAG] ?? "",
      resource: tags[RESOURCE_TAG] ?? "",
      generation: Number(tags[GENERATION_TAG]),
      madeAt: at,
      endingAt: ending.get(id) ?? null,
      goneAt: gone.get(id) ?? null,
    }))
    .toSorted((a, b) => a.madeAt - b.madeAt);
}

/** A process sees that its clock was set within this time. */
const CLOCK_SEEN_MS = 1_500;

/**
 * By how much what the database dated `at` may be misdated against anything else, in ms: its clock was wrong on
 * purpose then.
 */
export function misdated({ faults }: RunRecord, at: number): number {
  const steps = faults.flatMap(({ fault, at: from, until }) => {
    if (fault.kind !== "clock" || fault.of !== "postgres") return [];
    const step = Math.abs(fault.stepMs ?? 0);
    return at >= from - step && at <= until + step + CLOCK_SEEN_MS ? [step] : [];
  });
  return Math.max(0, ...steps);
}

/** What a call did to one thing, such as `deleting vol-1`. */
export function effectsOf(call: ProviderCall): string[] {
  return call.effect === "" ? [] : call.effect.split("; ");
}

export function byWorkspace<Thing>(
  things: readonly Thing[],
  workspaceOf: (thing: Thing) => string | null,
): Map<string, Thing[]> {
  const groups = new Map<string, Thing[]>();
  for (const thing of things) {
    const workspace = workspaceOf(thing);
    if (workspace === null) continue;
    const group = groups.get(workspace) ?? [];
    group.push(thing);
    groups.set(workspace, group);
  }
  return groups;
}

/** The id and its last part, as reports show it. */
export function short(id: string): string {
  return id.slice(0, 8);
}

function keep(map: Map<string, number>, id: string, at: number): void {
  if (!map.has(id)) map.set(id, at);
}
