import { randomUUID } from "node:crypto";
import type { Backend, OwnedResource } from "../compute/backend.js";
import { insertEvents } from "../db/events.js";
import type { NewEvent } from "../domain/events.js";
import type { WithCommit } from "../db/sent.js";
import { transaction, type Tx } from "../db/pool.js";
import { markGone, markReleasing, recordReleaseFailure, type OpenResource } from "../db/resources.js";
import {
  claimsOn,
  forgetSightings,
  noteDeferral,
  noteFailure,
  noteTry,
  type OrphanedRow,
  type Sighting,
  type SightingNow,
} from "../db/sightings.js";
import { forgetInstance } from "../db/instances.js";
import { getWorkspace } from "../db/workspaces.js";
import { retryDelay } from "../domain/backoff.js";
import type { SweepName } from "../domain/sweep.js";
import { unkeptLedger } from "../operations/held-ledger.js";
import { whileIdle } from "../operations/idle.js";
import { judge } from "../gate/verdict.js";
import { volumeRef } from "../db/refs.js";
import { callOf, type HeldContext } from "../operations/step.js";
import { hasOther, isClaimedBy, isSame } from "./compare.js";
import type { SweepDeps } from "./sweep.js";
import { askAway, asLedgerRow } from "./ask-away.js";

/** An unclaimed thing that may be removed, unless the last look finds otherwise. */
export interface Ripe {
  thing: OwnedResource;
  sighting: SightingNow;
  why: string;
}

/** What is to go of one workspace. */
export interface Group {
  workspaceId: string;
  /** True: only under its gate. */
  hasRow: boolean;
  ripe: Ripe[];
  /** Rows of the ledger that outlived the workspace's row. */
  rows: OrphanedRow[];
}

export interface Reaping {
  sweep: SweepName;
  place: string;
  backend: Backend;
  group: Group;
  /** The provider's list, asked for again once a run. */
  lastLook(): Promise<OwnedResource[]>;
}

/** How long a thing that failed to go is left alone. */
const BACKOFF = { delayMs: 30_000, maxDelayMs: 3_600_000, jitter: 0.2 };

/**
 * Removes what is unclaimed of one workspace, after a last look at the provider and the ledger. If the
 * workspace has a row, only while its gate is held with nothing to do.
 * @returns `reaped`, `busy`, or `changed` if the last look found otherwise.
 */
export async function reap(deps: SweepDeps, reaping: Reaping, signal: AbortSignal): Promise<string> {
  const { group, place } = reaping;
  const fresh = await reaping.lastLook();
  const still = group.ripe.filter(({ thing }) => fresh.some((one) => isSame(one, thing)));
  if (still.length === 0 && group.ripe.length > 0) return "changed";
  const work = (context: HeldContext) => reapAll(deps, { ...reaping, fresh, still }, context);
  if (!group.hasRow) {
    if ((await getWorkspace(deps.pool, group.workspaceId)) !== null) return "changed";
    return work(ungated(deps, reaping, signal));
  }
  const outcome = await whileIdle(deps, { id: group.workspaceId, place }, signal, work);
  if (outcome === null) for (const { sighting } of still) await noteDeferral(deps.pool, sighting.id, 0);
  return outcome ?? "busy";
}

/** A workspace without a row has no gate, and nobody who could ask for anything. */
function ungated(deps: SweepDeps, { backend, place, group }: Reaping, signal: AbortSignal): HeldContext {
  return {
    operationId: null,
    workspaceId: group.workspaceId,
    place,
    backend,
    db: deps.pool,
    limits: deps.limits,
    signal,
    unwanted: signal,
    priority: "reconcile",
    patience: null,
    check: () => signal.throwIfAborted(),
    ledger: unkeptLedger(deps.pool, group.workspaceId),
    fenced: <T>(work: (tx: Tx) => Promise<T | WithCommit<T>>) => transaction<T>(deps.pool, work),
    later: (write) => transaction(deps.pool, async (tx) => void (await write(tx))),
    flush: () => Promise.resolve(),
  };
}

async function reapAll(
  deps: SweepDeps,
  reaping: Reaping & { fresh: OwnedResource[]; still: Ripe[] },
  context: HeldContext,
): Promise<string> {
  const { place, still, fresh, group } = reaping;
  const gone = new Set<OwnedResource>();
  const live = group.hasRow && (await getWorkspace(deps.pool, group.workspaceId))?.status !== "removed";
  for (const kind of ["instance", "volume", "dns_record"] as const)
    for (const one of still.filter(({ thing }) => thing.kind === kind)) {
      context.check();
      const claims = await claimsOn(deps.pool, place, {
        kind,
        provider_id: one.thing.providerId,
        workspace_id: one.thing.workspaceId,
      });
      if (claims.some((claim) => isClaimedBy(one.thing, claim))) continue;
      if (kind === "volume") {
        if (live && !hasOther(one.thing, claims)) continue;
        // Whatever instance of this workspace is left may hold it (I8).
        const holds = (other: OwnedResource): boolean =>
          other.kind === "instance" && other.workspaceId === one.thing.workspaceId;
        const reaped = (other: OwnedResource): boolean => [...gone].some((done) => isSame(done, other));
        if (fresh.some((other) => holds(other) && !reaped(other))) continue;
      }
      await remove(deps, reaping, context, one);
      gone.add(one.thing);
    }
  if (!group.hasRow) await settleRows(deps, reaping, context);
  if (gone.size === 0 && still.length > 0) return "changed";
  return "reaped";
}

/** The try is noted first: should this process die now, the next run finds the thing gone and knows why. */
async function remove(
  deps: SweepDeps,
  { backend, place, sweep }: Reaping,
  context: HeldContext,
  { thing, sighting, why }: Ripe,
): Promise<void> {
  await noteTry(deps.pool, sighting.id, retryDelay(BACKOFF, sighting.attempts + 1, deps.random()));
  const row: OpenResource = {
    ...asLedgerRow(sighting.id, thing.workspaceId!, thing.name, thing.kind, place, backend),
    provider_id: thing.providerId,
    generation: thing.generation ?? 0,
  };
  try {
    await askAway(context, row);
  } catch (error) {
    const verdict = judge(error, context.signal);
    if (verdict.kind === "failed") await noteFailure(deps.pool, sighting.id, verdict.error);
    throw error;
  }
  await context.fenced(async (tx) => {
    const [known = { ...sighting, attempts: sighting.attempts + 1 }] = await forgetSightings(tx, [
      sighting.id,
    ]);
    if (thing.kind === "instance") await forgetInstance(tx, thing.workspaceId!, thing.providerId);
    await insertEvents(tx, [reapedEvent({ ...known, why }, sweep, backend.name)]);
  });
}

/**
 * The name of a workspace that has no row, and the rows that outlived it: each thing is asked away once more,
 * which proves it gone.
 */
async function settleRows(
  deps: SweepDeps,
  { group, fresh }: Reaping & { fresh: OwnedResource[] },
  context: HeldContext,
): Promise<void> {
  const left = fresh.some(
    (thing) => thing.workspaceId === group.workspaceId && !group.ripe.some((one) => isSame(one.thing, thing)),
  );
  // Something of it is too young to be judged: its turn comes.
  if (left) return;
  const { dns } = context.backend;
  if (dns !== undefined) {
    context.check();
    const name = dns.nameOf(group.workspaceId);
    const row = asLedgerRow(
      randomUUID(),
      group.workspaceId,
      name,
      "dns_record",
      context.place,
      context.backend,
    );
    await dns.remove(volumeRef(row), callOf(context));
  }
  if (group.rows.length > 0) await context.fenced((tx) => markReleasing(tx, [group.workspaceId]));
  for (const orphan of group.rows) {
    const row: OpenResource = {
      ...asLedgerRow(
        orphan.id,
        orphan.workspace_id,
        orphan.name,
        orphan.kind,
        context.place,
        context.backend,
      ),
      provider_id: orphan.provider_id,
      generation: orphan.generation,
      client_token: orphan.client_token,
      details: orphan.details,
      asked_ms_ago: orphan.age_ms,
    };
    try {
      await askAway(context, row);
    } catch (error) {
      const verdict = judge(error, context.signal);
      if (verdict.kind === "failed")
        await recordReleaseFailure(deps.pool, row.id, verdict.error, retryDelay(BACKOFF, 1, deps.random()));
      throw error;
    }
    await context.fenced((tx) => markGone(tx, row.id));
  }
}

/** What was removed, how old it was, and why. */
export function reapedEvent(sighting: Sighting, sweep: SweepName, backend: string): NewEvent {
  return {
    event_type: "workspace.leak.reaped",
    workspace_id: sighting.workspace_id,
    payload: {
      sweep,
      backend,
      place: sighting.place,
      kind: sighting.kind,
      provider_id: sighting.provider_id,
      name: sighting.name,
      generation: sighting.generation,
      created_at: sighting.created_at,
      age_seconds: Math.round((sighting.last_seen_at.getTime() - sighting.created_at.getTime()) / 1000),
      first_seen_at: sighting.first_seen_at,
      sightings: sighting.seen,
      attempts: sighting.attempts,
      why: sighting.why,
    },
  };
}
