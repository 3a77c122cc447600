import { within } from "../base/deadline.js";
import type { Backend, OwnedResource } from "../compute/backend.js";
import { listBreaks } from "../db/memory.js";
import {
  listClaims,
  listKnownWorkspaces,
  listOrphanedRows,
  listSightings,
  type KnownWorkspace,
  type OrphanedRow,
} from "../db/sightings.js";
import { getWorkspaces } from "../db/workspaces.js";
import { BACKENDS, computeOf } from "../domain/backend.js";
import type { SweepName } from "../domain/sweep.js";
import { unclaimedOf } from "./compare.js";
import { reap, type Group, type Ripe } from "./reap.js";
import { keyOf, record, type SightingOf } from "./note-unclaimed.js";
import { defineSweep, type Action, type Plan, type Sweep, type SweepDeps } from "./sweep.js";
import { isHeld, isRipe, type Known, ofOthers, whyOf } from "./judge-unclaimed.js";

const LIST_TIMEOUT_MS = 30_000;

/** A sweep over what the backends that name it own, and no row of the ledger claims. */
export function unclaimed(name: SweepName): Sweep {
  const backends = BACKENDS.filter((backend) => computeOf(backend)?.orphans === name);
  return defineSweep(name, {
    async plan(deps) {
      const served = [...deps.backends].filter(([, { name: one }]) => backends.includes(one));
      const plans: Plan[] = [];
      const failures: unknown[] = [];
      for (const [place, backend] of served) {
        try {
          plans.push(await planOne(name, deps, place, backend));
        } catch (error) {
          // The whole run is over: that is its runner's to say.
          deps.signal.throwIfAborted();
          // From a list that didn't come nothing follows (I5); what the other places own is another matter.
          failures.push(error);
          deps.logger.warn({ err: error, sweep: name, place }, "nothing was concluded");
        }
      }
      if (failures.length > 0 && plans.length === 0) throw failures[0];
      const sum = (key: string): number => plans.reduce((total, plan) => total + (plan.notes?.[key] ?? 0), 0);
      return {
        lookedAt: plans.reduce((total, plan) => total + plan.lookedAt, 0),
        actions: plans.flatMap((plan) => plan.actions),
        notes: {
          unclaimed: sum("unclaimed"),
          young: sum("young"),
          not_yet: sum("not_yet"),
          kept: sum("kept"),
          held: sum("held"),
          others: sum("others"),
          unlisted: failures.length,
        },
        async record(held) {
          for (const plan of plans) await plan.record?.(held);
        },
      };
    },
  });
}

async function planOne(sweep: SweepName, deps: SweepDeps, place: string, backend: Backend): Promise<Plan> {
  // First the provider, then the database: what was made in between is in the ledger and not in the list,
  // and not the other way round.
  const listed = await list(deps, backend.listOwned, backend);
  const alike = await list(deps, backend.listLookalikes, backend);
  const { claims, nowMs } = await listClaims(deps.pool, place);
  const orphaned = await listOrphanedRows(deps.pool, place);
  const sightings = new Map(
    (await listSightings(deps.pool, place)).map((row) => [keyOf(row.kind, row.provider_id), row]),
  );
  const graceMs = deps.settings.graceMs[backend.name] ?? Math.max(...Object.values(deps.settings.graceMs));
  const lost = unclaimedOf(listed, claims);
  const old = lost.filter(
    (thing) => thing.createdAt === null || nowMs - thing.createdAt.getTime() >= graceMs,
  );
  const breaks = await listBreaks(deps.pool);
  const statuses = await statusesOf(deps, [
    ...old,
    ...orphaned.map((row) => ({ workspaceId: row.workspace_id })),
  ]);

  const known = await knownOf(deps, place, old);
  const unlabelled = unclaimedOf(alike, claims);
  const seen: SightingOf[] = [
    ...old.map((thing) => ({ thing, why: whyOf(thing, { statuses, known, claims, breaks }) })),
    ...unlabelled.map((thing) => ({ thing, why: ofOthers(thing) })),
  ];
  const ripe: Ripe[] = [];
  let kept = 0;
  let held = 0;
  for (const { thing, why } of seen) {
    const sighting = sightings.get(keyOf(thing.kind, thing.providerId));
    if (why.kept) kept++;
    else if (isHeld(why, deps) && sighting?.held_is_over !== true) held++;
    else if (sighting !== undefined && isRipe(thing, sighting, graceMs, deps))
      ripe.push({ thing, sighting, why: why.text });
  }
  const groups = groupsOf(ripe, listed, orphaned, graceMs, statuses);
  let again: Promise<OwnedResource[]> | undefined;
  const lastLook = () => (again ??= list(deps, backend.listOwned, backend));
  return {
    lookedAt: new Set([...listed.map(workspaceKey), ...orphaned.map((row) => row.workspace_id)]).size,
    notes: {
      unclaimed: old.length,
      young: lost.length - old.length,
      not_yet: seen.length - kept - held - ripe.length,
      kept,
      held,
      others: alike.filter(({ installation }) => installation !== null).length,
    },
    actions: groups.map((group): Action => {
      const things = group.ripe.map(({ thing }) => `${thing.kind} ${thing.providerId}`);
      return {
        key: `${place}/${group.workspaceId}`,
        what:
          things.length > 0
            ? `stop and remove ${things.join(", ")} (${place})`
            : `prove gone what the ledger has of workspace ${group.workspaceId} (${place})`,
        why: group.ripe[0]?.why ?? "its workspace isn't known, and it isn't listed",
        run: (signal) => reap(deps, { sweep, place, backend, group, lastLook }, signal),
      };
    }),
    record: () =>
      record(
        deps,
        { place, backend, sweep },
        seen,
        [...lost, ...unlabelled],
        [...listed, ...alike],
        [...sightings.values()],
        alike,
      ),
  };
}

async function list(
  deps: SweepDeps,
  ask: Backend["listOwned"] | undefined,
  backend: Backend,
): Promise<OwnedResource[]> {
  if (ask === undefined) return [];
  return within(LIST_TIMEOUT_MS, [deps.signal], (signal) => ask.call(backend, { signal }));
}

async function statusesOf(
  deps: SweepDeps,
  things: readonly { workspaceId: string | null }[],
): Promise<Map<string, Known>> {
  const ids = [...new Set(things.flatMap((thing) => thing.workspaceId ?? []))];
  return new Map((await getWorkspaces(deps.pool, ids)).map((row) => [row.id, row]));
}

async function knownOf(
  deps: SweepDeps,
  place: string,
  things: readonly OwnedResource[],
): Promise<Map<string, KnownWorkspace>> {
  const ids = [...new Set(things.flatMap((thing) => thing.workspaceId ?? []))];
  return new Map((await listKnownWorkspaces(deps.pool, place, ids)).map((one) => [one.workspace_id, one]));
}

/** What belongs to one workspace goes in one act: the instances, then the volumes (I8). */
function groupsOf(
  ripe: readonly Ripe[],
  listed: readonly OwnedResource[],
  orphaned: readonly OrphanedRow[],
  graceMs: number,
  statuses: Map<string, Known>,
): Group[] {
  const groups = new Map<string, Group>();
  const groupOf = (workspaceId: string): Group => {
    const found = groups.get(workspaceId) ?? {
      workspaceId,
      hasRow: statuses.has(workspaceId),
      ripe: [],
      rows: orphaned.filter((row) => row.workspace_id === workspaceId),
    };
    groups.set(workspaceId, found);
    return found;
  };
  // Those tried longest ago first.
  const order = (one: Ripe): number => (one.sighting.next_attempt_at ?? one.sighting.first_seen_at).getTime();
  for (const one of ripe.toSorted((a, b) => order(a) - order(b)))
    groupOf(one.thing.workspaceId!).ripe.push(one);
  const present = new Set(listed.map(workspaceKey));
  for (const row of orphaned)
    if (row.due && row.age_ms >= graceMs && !present.has(row.workspace_id)) groupOf(row.workspace_id);
  return [...groups.values()];
}

function workspaceKey(thing: OwnedResource): string {
  return thing.workspaceId ?? thing.providerId;
}
