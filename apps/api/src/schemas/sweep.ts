import type { SweepRun as Run } from "@berth/core/db/sweep-runs";
import { SWEEP_NAMES } from "@berth/core/domain/sweep";
import type { SweepLiveness } from "@berth/core/sweeps/state";
import Type, { type Static } from "typebox";
import { iso, named, nullable, time } from "./common.js";

export const SweepName = Type.Enum([...SWEEP_NAMES]);

export const Intent = Type.Object({
  key: Type.String({ description: "The same for the same act on the same thing." }),
  what: Type.String(),
  why: Type.String(),
});

const HELD = {
  at: Type.String({ description: "Since when." }),
  looked_at: Type.Integer({ description: "How many things the sweep compared." }),
  would_act: Type.Integer({ description: "On how many of them it would act." }),
};

const COMMON = {
  name: SweepName,
  registered: Type.Boolean({ description: "A worker has said that it runs it." }),
  every_ms: nullable(Type.Integer(), { description: "Its interval, as the workers have it." }),
  running: Type.Boolean(),
  paused: Type.Boolean(),
  silent: Type.Boolean({
    description:
      "No run of it has ended for more than twice its interval, none goes on, and it isn't paused.",
  }),
  quiet_ms: nullable(Type.Integer(), {
    description: "How long no run of it has ended; since it was registered if none ever did.",
  }),
  last_started_at: nullable(time("When its last run began.")),
  last_finished_at: nullable(time("When a run of it last ended, in whatever way.")),
  last_success_at: nullable(time("When a run of it last ended well.")),
  last_duration_ms: nullable(Type.Integer()),
  last_counts: Type.Record(Type.String(), Type.Number(), {
    description: "What its last run did, in figures.",
  }),
  last_error: nullable(Type.String(), { description: "Why its last run failed." }),
};

const InPlace = Type.Object({
  place: Type.String(),
  running: Type.Boolean(),
  silent: Type.Boolean({ description: "No run of it has ended there for more than twice its interval." }),
  last_started_at: nullable(time("When its last run there began.")),
  last_finished_at: nullable(time("When a run of it there last ended, in whatever way.")),
  last_counts: Type.Record(Type.String(), Type.Number()),
  last_error: nullable(Type.String(), { description: "Why its last run there failed." }),
  held: nullable(Type.Object(HELD), { description: "What the breaker holds back there." }),
});

export const Sweep = named(
  "Sweep",
  Type.Object(
    {
      ...COMMON,
      paused_by: nullable(Type.String()),
      places: Type.Array(InPlace, {
        description:
          "Of a sweep that asks providers: its run for each place, with a lease and a breaker of its own. What is said above " +
          "of its last run is then that of the latest, with the figures of all.",
      }),
      held: nullable(Type.Object({ ...HELD, actions: Type.Array(Intent) }), {
        description: "What the breaker holds back until somebody approves it or the picture changes.",
      }),
      approval: nullable(
        Type.Object({
          by: Type.String(),
          at: Type.String(),
          acts: Type.Integer({ description: "How many acts it is for: those that were held then." }),
        }),
      ),
    },
    {
      description: "A repeatable job that compares what should be with what is, and acts on the difference.",
    },
  ),
);

export const SweepRun = Type.Object({
  place: nullable(Type.String(), {
    description: "Where; null: a sweep that doesn't run for each place by itself.",
  }),
  started_at: time("When it began."),
  finished_at: nullable(time("When it ended; null: it goes on, or its worker died.")),
  counts: Type.Record(Type.String(), Type.Number(), { description: "What it did, in figures." }),
  error: nullable(Type.String(), { description: "Why it failed." }),
});

/** A sweep in /admin/liveness: without the list of what is held, which may be long. */
export const SweepHealth = Type.Object({ ...COMMON, held: nullable(Type.Object(HELD)) });

const HEALTH_EXAMPLE = {
  name: "instance-state",
  registered: true,
  every_ms: 60_000,
  running: false,
  paused: false,
  silent: false,
  quiet_ms: 12_408,
  last_started_at: "2026-11-21T09:30:00.000Z",
  last_finished_at: "2026-11-21T09:30:02.417Z",
  last_success_at: "2026-11-21T09:30:02.417Z",
  last_duration_ms: 2_417,
  last_counts: { looked_at: 200, would_act: 120, held: 120 },
  last_error: null,
  held: { at: "2026-11-21T09:30:00.000Z", looked_at: 200, would_act: 120 },
};
export const ACTION_EXAMPLE = {
  key: "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f/3",
  what: "take workspace 0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f offline and restart it",
  why: "its instance is gone",
};
export const SWEEP_HEALTH_EXAMPLE = HEALTH_EXAMPLE;
export const SWEEP_EXAMPLE = {
  ...HEALTH_EXAMPLE,
  paused_by: null,
  places: [
    {
      place: "docker",
      running: false,
      silent: false,
      last_started_at: HEALTH_EXAMPLE.last_started_at,
      last_finished_at: HEALTH_EXAMPLE.last_finished_at,
      last_counts: HEALTH_EXAMPLE.last_counts,
      last_error: null,
      held: HEALTH_EXAMPLE.held,
    },
  ],
  held: { ...HEALTH_EXAMPLE.held, actions: [ACTION_EXAMPLE] },
  approval: null,
};

function viewCommon(sweep: SweepLiveness) {
  return {
    name: sweep.name,
    registered: sweep.registered,
    every_ms: sweep.every_ms,
    running: sweep.running,
    paused: sweep.paused,
    silent: sweep.silent,
    quiet_ms: sweep.registered ? sweep.quiet_ms : null,
    last_started_at: iso(sweep.last_started_at),
    last_finished_at: iso(sweep.last_finished_at),
    last_success_at: iso(sweep.last_success_at),
    last_duration_ms: sweep.last_duration_ms,
    last_counts: sweep.last_counts,
    last_error: sweep.last_error,
  };
}

export function viewSweep(sweep: SweepLiveness): Static<typeof Sweep> {
  const { approval } = sweep;
  return {
    ...viewCommon(sweep),
    paused_by: sweep.paused_by,
    places: sweep.places.map(({ place, held, ...one }) => ({
      place,
      running: one.running,
      silent: one.silent,
      last_started_at: iso(one.last_started_at),
      last_finished_at: iso(one.last_finished_at),
      last_counts: one.last_counts,
      last_error: one.last_error,
      held: held === null ? null : { at: held.at, looked_at: held.looked_at, would_act: held.would_act },
    })),
    held: sweep.held,
    approval: approval === null ? null : { by: approval.by, at: approval.at, acts: approval.keys.length },
  };
}

export function viewSweepRun({
  sweep,
  started_at,
  finished_at,
  counts,
  error,
}: Run): Static<typeof SweepRun> {
  const [, place = null] = sweep.split("@");
  return { place, started_at: started_at.toISOString(), finished_at: iso(finished_at), counts, error };
}

export function viewSweepHealth(sweep: SweepLiveness): Static<typeof SweepHealth> {
  const { held } = sweep;
  return {
    ...viewCommon(sweep),
    held: held === null ? null : { at: held.at, looked_at: held.looked_at, would_act: held.would_act },
  };
}
