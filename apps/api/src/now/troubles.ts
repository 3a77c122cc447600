import type { Mute, Unwell, Waiting } from "@berth/core/db/now";
import type { PricedLeak } from "@berth/core/requests/leaks";
import type { PlaceReport } from "@berth/core/db/places";
import { BACKENDS, hasCompute } from "@berth/core/domain/backend";
import type { SweepLiveness } from "@berth/core/sweeps/state";
import { TROUBLES, type Trouble } from "../schemas/now.js";
import { isServed } from "../schemas/place.js";
import { trouble } from "./trouble.js";
import { ofWebhook } from "./webhooks.js";

/** What is read to judge it. */
export interface Seen {
  unwell: readonly Unwell[];
  waiting: readonly Waiting[];
  /** Absent for a tenant, whose it isn't. */
  fleet?: Fleet;
}

interface Fleet {
  places: readonly PlaceReport[];
  sweeps: readonly SweepLiveness[];
  /** What is to go and should be gone by now. */
  late: readonly PricedLeak[];
  webhooks: readonly Mute[];
  queuesUp: boolean;
  /** PostgreSQL can't tell this process at once what happens. */
  deaf: boolean;
}

/** What is wrong, the gravest first and of equal ones those that need a person. */
export function troublesOf({ unwell, waiting, fleet }: Seen): Trouble[] {
  const troubles = [
    ...(fleet === undefined ? [] : ofFleet(fleet)),
    ...unwell.map(ofWorkspaces),
    ...waiting.map(ofWaiting),
  ];
  const rank = (one: Trouble) => TROUBLES.indexOf(one.code) * 2 + (one.needs_person ? 0 : 1);
  return troubles.toSorted((a, b) => rank(a) - rank(b) || b.count - a.count);
}

function ofFleet(fleet: Fleet): Trouble[] {
  const { places, sweeps, late, webhooks } = fleet;
  return [
    ...ofBerth(fleet),
    ...places.flatMap(ofPlace),
    ...sweeps.flatMap(ofSweep),
    ...ofRemovals(late, places),
    ...webhooks.flatMap(ofWebhook),
  ];
}

function ofBerth({ queuesUp, deaf, sweeps, places }: Fleet): Trouble[] {
  const found: Trouble[] = [];
  if (!queuesUp)
    found.push(
      trouble("queues_down", "The queues' store can't be written", {
        remedy: "Requests are accepted and kept. They are carried out when it is back.",
        needs_person: true,
      }),
    );
  if (deaf)
    found.push(
      trouble("events_late", "PostgreSQL doesn't tell this process at once what happens", {
        remedy: "It looks several times a second instead, and connects again by itself.",
      }),
    );
  if (!sweeps.some(({ registered }) => registered) && places.every(({ workers }) => workers.length === 0))
    found.push(
      trouble("no_worker", "No worker has run here yet", {
        remedy: "Start a worker: requests are accepted and wait for it.",
        needs_person: true,
      }),
    );
  return found;
}

function ofPlace(place: PlaceReport): Trouble[] {
  const { name: at, workers, running, waiting, obligations, last_error, lost_at } = place;
  const backend = BACKENDS.find((one) => one === place.backend);
  if (lost_at !== null || backend === undefined || !hasCompute(backend)) return [];
  const wrong = workers.find(({ problem }) => problem !== null);
  if (wrong !== undefined)
    return [
      trouble("place_wrong", `A worker of ${at} has trouble with it`, {
        cause: wrong.problem,
        remedy: "Nothing is done there by that worker until it reaches the place that is meant.",
        needs_person: wrong.state !== "unreachable",
        count: workers.filter(({ problem }) => problem !== null).length,
        since: wrong.since,
        place: at,
      }),
    ];
  const affected = running + waiting + obligations;
  if (affected === 0 || isServed({ workers })) return [];
  return [
    trouble("place_unserved", `No worker serves ${at}`, {
      cause: last_error,
      remedy: `${running} run there, ${waiting} operations wait and ${obligations} things are to go. Start a worker that is configured for it, or give the place up.`,
      needs_person: true,
      count: affected,
      since: place.served_at,
      place: at,
    }),
  ];
}

function ofSweep(sweep: SweepLiveness): Trouble[] {
  const { name, held, approval } = sweep;
  if (held !== null)
    return [
      trouble("sweep_held", `The sweep ${name} holds back ${held.would_act} of ${held.looked_at}`, {
        cause:
          held.actions[0] === undefined
            ? null
            : `For example: ${held.actions[0].what}, since ${held.actions[0].why}`,
        remedy:
          approval === null
            ? "It would act on too much at once: look whether that is right, and approve it."
            : `${approval.by} has approved it: its next run acts.`,
        needs_person: approval === null,
        count: held.would_act,
        since: held.at,
        sweep: name,
      }),
    ];
  const said = { since: sweep.last_finished_at, sweep: name };
  if (sweep.silent)
    return [
      trouble("sweep_silent", `The sweep ${name} hasn't run for a while`, {
        cause: sweep.last_error,
        remedy:
          "What it heals stays broken until it runs. Look whether workers run, and whether they reach their places.",
        needs_person: true,
        ...said,
      }),
    ];
  if (sweep.paused)
    return [
      trouble("sweep_paused", `The sweep ${name} is paused`, {
        cause: sweep.paused_by === null ? null : `by ${sweep.paused_by}`,
        remedy: "What it heals stays broken until it is resumed.",
        needs_person: true,
        ...said,
      }),
    ];
  if (sweep.last_error === null) return [];
  return [
    trouble("sweep_failing", `The sweep ${name} failed when it ran last`, {
      cause: sweep.last_error,
      remedy: "It runs again by itself.",
      next_at: dueAt(sweep),
      ...said,
    }),
  ];
}

function dueAt({ last_started_at, every_ms }: SweepLiveness): Date | null {
  return last_started_at === null || every_ms === null ? null : new Date(+last_started_at + every_ms);
}

/** One for each kind of thing in each place, with the error of the one that has been to go for longest. */
function ofRemovals(late: readonly PricedLeak[], places: readonly PlaceReport[]): Trouble[] {
  const groups = new Map<string, PricedLeak[]>();
  for (const leak of late) {
    const key = `${leak.kind} ${leak.place}`;
    groups.set(key, [...(groups.get(key) ?? []), leak]);
  }
  return [...groups.values()].map((group) => {
    const oldest = group.reduce((a, b) => (a.since <= b.since ? a : b));
    const costs = group.flatMap(({ cost_per_hour }) => cost_per_hour ?? []);
    const due = group.flatMap(({ next_attempt_at }) => next_attempt_at ?? []);
    const failing = group.find(({ last_error }) => last_error !== null);
    const tries = Math.max(...group.map(({ attempts }) => attempts));
    const isReached = places.some((place) => place.name === oldest.place && isServed(place));
    const things = `${oldest.kind.replace("_", " ").replace("dns", "DNS")}${group.length === 1 ? "" : "s"}`;
    return trouble(
      "removal_late",
      `${group.length} ${things} in ${oldest.place} should be gone and may still be there`,
      {
        cause: failing?.last_error?.message ?? oldest.why,
        remedy: isReached
          ? `Berth asks again by itself, up to ${tries} times so far. Nothing is called gone until its provider says so.`
          : `No worker reaches ${oldest.place}: Berth asks again once one does, or counts them as lost with the place.`,
        count: group.length,
        since: oldest.since,
        next_at: !isReached || due.length === 0 ? null : new Date(Math.min(...due.map(Number))),
        cost_per_hour: costs.length === 0 ? null : costs.reduce((sum, cost) => sum + cost, 0),
        place: oldest.place,
      },
    );
  });
}

function ofWorkspaces({ status, reason, n, since, next_restart_at, id, name }: Unwell): Trouble {
  const who = n === 1 ? `${name} ` : `${n} workspaces `;
  const about = { cause: reason, count: n, since, workspace: { id, name } };
  if (status === "failed")
    return trouble("failed", `${who}${n === 1 ? "has" : "have"} failed`, {
      ...about,
      remedy: "Berth tries no more by itself. Restart once the cause is gone, or delete.",
      needs_person: true,
    });
  return trouble("offline", `${who}${n === 1 ? "is" : "are"} offline`, {
    ...about,
    remedy: next_restart_at === null ? "Berth looks at them again." : "Berth restarts by itself.",
    next_at: next_restart_at,
  });
}

function ofWaiting({ n, since, operation_id, workspace_id, name, kind, place }: Waiting): Trouble {
  return trouble(
    "waiting",
    `${n} ${n === 1 ? "operation waits" : "operations wait"} for a worker of ${place}`,
    {
      cause: `the oldest is the ${kind} of ${name}`,
      remedy: "They begin as soon as a worker has room. Start more workers, or raise BERTH_CONCURRENCY.",
      count: n,
      since,
      workspace: { id: workspace_id, name },
      operation_id,
      place,
    },
  );
}
