import { within } from "../base/deadline.js";
import type { Backend, InstanceState } from "../compute/backend.js";
import { insertEvents } from "../db/events.js";
import {
  heartbeatAge,
  leastRecentlyChecked,
  noteChecked,
  noteContradiction,
  type Checked,
} from "../db/sweep-queries.js";
import { transaction } from "../db/pool.js";
import { changeStatuses, getWorkspace } from "../db/workspaces.js";
import { whileIdle } from "../operations/idle.js";
import { heal } from "./heal.js";
import { instanceRef } from "../operations/step.js";
import { defineSweep, type Action, type Sweep, type SweepDeps } from "./sweep.js";

/**
 * Looks whether the instances of workspaces that should run do: one batched look a place, those checked
 * longest ago first. Only a clean `gone` or `stopped` counts (I5), and not against an agent that was just
 * heard: that contradiction is told of. A dead one is restarted with its volume.
 */
export const instanceState: Sweep = defineSweep("instance-state", {
  async plan(deps) {
    const served = [...deps.backends.keys()];
    const checked = await leastRecentlyChecked(deps.pool, served, instanceState.limit);
    const states = await probeAll(deps, checked);
    const dead = checked.filter((one) => isDead(states.get(one.id)));
    const contradicted = dead.filter((one) => isFresh(one.heartbeat_ms_ago, deps));
    const risen = checked.filter(
      (one) => one.status === "offline" && one.readiness === "running" && states.get(one.id) === "running",
    );
    const unknown = checked.filter((one) => (states.get(one.id) ?? "unknown") === "unknown");
    return {
      lookedAt: checked.length,
      notes: { unknown: unknown.length, contradicted: contradicted.length },
      actions: [
        ...dead
          .filter((one) => !contradicted.includes(one))
          .map((one) => healing(deps, one, states.get(one.id)!)),
        ...risen.map((one) => rising(deps, one)),
      ],
      record: () => record(deps, checked, contradicted, states),
    };
  },
});

function isDead(state: InstanceState | undefined): boolean {
  return state === "gone" || state === "stopped";
}

/** Younger than two beats, of which three make an agent silent. */
function isFresh(ageMs: number | null, { settings }: SweepDeps): boolean {
  return ageMs !== null && ageMs < (2 / 3) * settings.silentMs;
}

async function probeAll(deps: SweepDeps, checked: readonly Checked[]): Promise<Map<string, InstanceState>> {
  const states = new Map<string, InstanceState>();
  const places = new Set(checked.map((one) => one.place));
  await Promise.all(
    [...places].map(async (name) => {
      const mine = checked.filter((one) => one.place === name);
      const answer = await probe(deps, deps.backends.get(name), mine);
      for (const one of mine) states.set(one.id, answer.get(one.instance.id) ?? "unknown");
    }),
  );
  return states;
}

/** All `unknown` if the answer doesn't come in time (I5). */
async function probe(
  deps: SweepDeps,
  backend: Backend | undefined,
  checked: readonly Checked[],
): Promise<Map<string, InstanceState>> {
  if (backend === undefined || deps.signal.aborted) return new Map();
  try {
    const instances = checked.map((one) => instanceRef(one.instance));
    return await within(deps.settings.probeTimeoutMs, [deps.signal], (signal) =>
      backend.probe(instances, { signal }),
    );
  } catch (error) {
    deps.logger.warn({ err: error, backend: backend.name }, "a probe failed");
    return new Map();
  }
}

function healing(deps: SweepDeps, one: Checked, state: InstanceState): Action {
  const reason = deps.backends.get(one.place)?.reasonOf?.(instanceRef(one.instance)) ?? null;
  return {
    key: `${one.id}/${one.generation}`,
    what: `take workspace ${one.id} offline and restart it`,
    why: `its provider says that instance ${one.instance.provider_id} is ${state}${reason === null ? "" : ` (${reason})`}`,
    run: (signal) =>
      heal(
        deps,
        one,
        {
          workspaceId: one.id,
          generation: one.generation,
          source: "reconciler",
          requestedBy: instanceState.name,
          reason: `instance_${state}`,
          detail: { state, provider_reason: reason },
          providerReason: reason,
          async veto(context, workspace) {
            if (workspace.instance_id !== one.instance.provider_id) return "changed";
            if (isFresh(await heartbeatAge(context.db, one.id), deps)) return "contradicted";
            const again = await probe(deps, context.backend, [one]);
            return isDead(again.get(one.instance.id)) ? null : "changed";
          },
        },
        signal,
      ),
  };
}

/** It was called dead, or was started again by hand, and runs. */
function rising(deps: SweepDeps, one: Checked): Action {
  return {
    key: `${one.id}/${one.generation}/online`,
    what: `take workspace ${one.id} online`,
    why: "its instance runs",
    harmless: true,
    async run(signal) {
      const outcome = await whileIdle(deps, one, signal, async (context) => {
        const now = await getWorkspace(context.db, one.id);
        if (now?.status !== "offline" || now.generation !== one.generation) return "changed";
        await context.fenced(async (tx) => {
          await changeStatuses(tx, [{ id: one.id, status: "online", reason: null }]);
          await insertEvents(tx, [
            {
              event_type: "workspace.online",
              workspace_id: one.id,
              payload: { from: "offline", requested_by: instanceState.name, generation: one.generation },
            },
          ]);
        });
        return "online";
      });
      return outcome ?? "busy";
    },
  };
}

async function record(
  deps: SweepDeps,
  checked: readonly Checked[],
  contradicted: readonly Checked[],
  states: Map<string, InstanceState>,
): Promise<void> {
  const ids = (rows: readonly Checked[]) => rows.map((row) => row.id);
  const news = contradicted.filter((one) => !one.contradicted);
  const settled = checked.filter(
    (one) => one.contradicted && !isDead(states.get(one.id)) && states.get(one.id) !== "unknown",
  );
  await transaction(deps.pool, async (tx) => {
    await noteChecked(tx, ids(checked));
    await noteContradiction(tx, ids(news), true);
    await noteContradiction(tx, ids(settled), false);
    await insertEvents(
      tx,
      news.map((one) => ({
        event_type: "workspace.contradiction",
        workspace_id: one.id,
        payload: {
          requested_by: instanceState.name,
          instance_id: one.instance.provider_id,
          provider_says: states.get(one.id) ?? null,
          heartbeat_ms_ago: one.heartbeat_ms_ago,
        },
      })),
    );
  });
}
