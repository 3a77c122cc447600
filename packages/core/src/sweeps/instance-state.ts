import { within } from "../base/deadline.js";
import type { Backend, InstanceState } from "../compute/backend.js";
import { insertEvents } from "../db/events.js";
import { dueRestarts, type DueRestart } from "../db/auto-restarts.js";
import { heartbeatAge, leastRecentlyChecked, type Checked } from "../db/sweep-queries.js";
import { isEndedFromOutside } from "../domain/ends.js";
import { changeStatuses, getWorkspace } from "../db/workspaces.js";
import { whileIdle } from "../operations/idle.js";
import { heal, restartAgain } from "./heal.js";
import { instanceRef } from "../db/refs.js";
import { defineSweep, type Action, type Sweep, type SweepDeps } from "./sweep.js";
import { tellStates, type Dead, type DeadState } from "./tell-states.js";

/**
 * Looks whether the instances of workspaces that should run do: one batched look a place, those checked
 * longest ago first. Only a clean `gone` or `stopped` counts (I5), and not against an agent that was just
 * heard: that contradiction is told of. One that is dead is `offline` at once, whatever holds its restart (I13), and is
 * restarted with its volume; those that are due for another try of theirs are, too (I14). A place has so many begun in one run.
 */
export const instanceState: Sweep = defineSweep("instance-state", {
  async plan(deps) {
    const served = [...deps.backends.keys()];
    const checked = await leastRecentlyChecked(deps.pool, served, instanceState.limit);
    const states = await probeAll(deps, checked);
    const isContradicted = (one: Checked): boolean => isFresh(one.heartbeat_ms_ago, deps);
    const found = checked.filter((one) => isDead(states.get(one.id)));
    const dead = found
      .filter((one) => !isContradicted(one))
      .map((one) => deadOf(deps, one, states.get(one.id) as DeadState));
    const lost = alike(dead);
    const risen = checked.filter(
      (one) => one.status === "offline" && one.readiness === "running" && states.get(one.id) === "running",
    );
    const due = await dueRestarts(deps.pool, served, instanceState.limit);
    const unknown = checked.filter((one) => (states.get(one.id) ?? "unknown") === "unknown");
    const contradicted = found.filter(isContradicted);
    const inTurn = turns(deps.settings.restartsAtOnce);
    return {
      lookedAt: checked.length,
      notes: { unknown: unknown.length, contradicted: contradicted.length },
      actions: [
        ...dead.map((one) => inTurn(one.checked.place, healing(deps, one, lost.has(one.checked.place)))),
        ...due.map((one) => inTurn(one.place, goingOn(deps, one))),
        ...risen.map((one) => rising(deps, one)),
      ],
      record: (held) =>
        tellStates(deps, {
          checked,
          contradicted: contradicted.map((one) => ({
            checked: one,
            state: states.get(one.id) as DeadState,
          })),
          recovered: checked.filter((one) => !isDead(states.get(one.id)) && !unknown.includes(one)),
          dead: dead.map((one) => ({
            ...one,
            words: held.has(keyOf(one.checked)) ? `${wordsOf(one)}; ${HELD}` : wordsOf(one),
          })),
          freshMs: freshMs(deps),
        }),
    };
  },
});

const HELD =
  "the breaker holds its restart: POST /sweeps/instance-state/approve, or berth sweeps approve instance-state";

function keyOf(one: Pick<Checked, "id" | "generation">): string {
  return `${one.id}/${one.generation}`;
}

function deadOf(deps: SweepDeps, checked: Checked, state: DeadState): Dead {
  const reason = deps.backends.get(checked.place)?.reasonOf?.(instanceRef(checked.instance)) ?? null;
  return { checked, state, reason };
}

function wordsOf({ state, reason }: Dead): string {
  return reason === null ? `instance_${state}` : `instance_${state}: ${reason}`;
}

/** The places where more than one instance was found stopped that ran a look ago: a daemon or a host went down. */
function alike(dead: readonly Dead[]): Set<string> {
  const places = dead
    .filter(({ checked, state }) => state === "stopped" && checked.status !== "offline")
    .map(({ checked }) => checked.place);
  return new Set(places.filter((place, index) => places.indexOf(place) !== index));
}

/** Lets so many restarts of each place begin in one run; the others are the next one's, so that their host bears it. */
function turns(most: number): (place: string, action: Action) => Action {
  const begun = new Map<string, number>();
  const add = (place: string, n: number): number => {
    const sum = (begun.get(place) ?? 0) + n;
    begun.set(place, sum);
    return sum;
  };
  return (place, action) => ({
    ...action,
    async run(signal) {
      if (add(place, 1) > most) {
        add(place, -1);
        return "later";
      }
      let outcome = "failed";
      try {
        outcome = await action.run(signal);
        return outcome;
      } finally {
        if (outcome !== "restarting") add(place, -1);
      }
    },
  });
}

function isDead(state: InstanceState | undefined): boolean {
  return state === "gone" || state === "stopped";
}

/** Younger than two beats, of which three make an agent silent. */
function freshMs({ settings }: SweepDeps): number {
  return (2 / 3) * settings.silentMs;
}

function isFresh(ageMs: number | null, deps: SweepDeps): boolean {
  return ageMs !== null && ageMs < freshMs(deps);
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
    // The whole run is over: that is its runner's to say.
    deps.signal.throwIfAborted();
    deps.logger.warn({ err: error, backend: backend.name }, "a probe failed");
    return new Map();
  }
}

function healing(deps: SweepDeps, dead: Dead, together: boolean): Action {
  const { checked: one, state, reason } = dead;
  return {
    key: keyOf(one),
    what: `take workspace ${one.id} offline and restart it`,
    why: `its provider says that instance ${one.instance.provider_id} is ${state}${reason === null ? "" : ` (${reason})`}`,
    // It is there and doesn't run, or its end is on the provider's record.
    sure: state === "stopped" || reason !== null,
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
          blameless: isEndedFromOutside(reason, together && state === "stopped"),
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

/** Nothing of it runs, and its last restart failed for a cause that may have passed. */
function goingOn(deps: SweepDeps, one: DueRestart): Action {
  return {
    key: `${keyOf(one)}/restart`,
    what: `try the restart of workspace ${one.id} again`,
    why: `its last one failed (${one.status_reason ?? "no reason is known"})`,
    harmless: true,
    run: (signal) => restartAgain(deps, one, instanceState.name, signal),
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
