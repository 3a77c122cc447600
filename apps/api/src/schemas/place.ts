import type { PlaceReport } from "@berth/core/db/places";
import { BACKENDS } from "@berth/core/domain/backend";
import { MAX_RUNNING } from "@berth/core/domain/quota";
import { STATUSES } from "@berth/core/domain/status";
import Type, { type Static } from "typebox";
import { iso, named, nullable, strictObject, time, uuid } from "./common.js";
import { expecting } from "./expected.js";
import { Labels } from "./workspace.js";

const Worker = Type.Object({
  worker: Type.String(),
  state: Type.Enum(["confirmed", "mismatch", "unreachable", "unconfirmed", "taken", "lost", "copied"]),
  identity: nullable(Type.String(), { description: "Who answers it, as the provider tells it." }),
  problem: nullable(Type.String(), { description: "In one sentence; null: none." }),
  since: time("Since when it says so."),
  last_seen_at: time("Its last sign of life."),
});

export const Place = named(
  "Place",
  Type.Object(
    {
      name: Type.String(),
      backend: Type.Enum([...BACKENDS]),
      identity: nullable(Type.String(), {
        description: "Who it is, as its provider told at the first contact; null: none was recorded yet.",
      }),
      identified_at: nullable(time("When that was recorded.")),
      confirmed_by: nullable(Type.String(), {
        description: "Who said that it is the one; null: what was found there.",
      }),
      served: Type.Boolean({ description: "A live worker reaches it, and it is the one meant." }),
      served_at: nullable(time("When a worker last did.")),
      workers: Type.Array(Worker, { description: "Live workers that are configured for it." }),
      labels: Type.Record(Type.String(), Type.String()),
      capacity: nullable(Type.Integer(), {
        description: "How many workspaces may hold something there; null: any number.",
      }),
      weight: Type.Integer({
        description: "Twice the weight gets twice as many of what goes where the fewest run.",
      }),
      cordoned: Type.Boolean({ description: "It takes no more workspaces; those that are there stay." }),
      draining: nullable(Type.Object({ since: time("Since when."), by: Type.String() }), {
        description:
          "Who wants it empty of what may leave it; null: nobody. `drain` asked for again says how far it is.",
      }),
      lost: nullable(Type.Object({ at: time("When."), by: Type.String(), reason: Type.String() }), {
        description: "Who said that it is gone for good, and why; null: nobody.",
      }),
      running: Type.Integer({ description: "Workspaces there that aren't paused, hibernated or removed." }),
      held: Type.Integer({
        description:
          "Workspaces of which something may be there, paused ones and what isn't proven gone too.",
      }),
      waiting: Type.Integer({ description: "Unfinished operations there." }),
      obligations: Type.Integer({ description: "Things there that are to go and aren't proven gone." }),
      last_error: nullable(Type.String(), { description: "What was last wrong with it; null: nothing now." }),
      last_error_at: nullable(time("When that was.")),
      version: Type.Integer({ description: "Counts its changes." }),
      created_at: time("When it was first heard of."),
    },
    { description: "Where a backend makes things: one daemon, one account in one Region, one machine." },
  ),
);

export const PLACE_EXAMPLE = {
  name: "docker",
  backend: "docker",
  identity: "docker:7f1a4c1e-5d0b-4a6f-9c57-0c1a2b3d4e5f",
  identified_at: "2026-11-28T09:30:00.000Z",
  confirmed_by: null,
  served: true,
  served_at: "2026-11-28T09:31:05.000Z",
  workers: [
    {
      worker: "host-a/4711/1f2e3d4c/p1",
      state: "confirmed" as const,
      identity: "docker:7f1a4c1e-5d0b-4a6f-9c57-0c1a2b3d4e5f",
      problem: null,
      since: "2026-11-28T09:30:00.000Z",
      last_seen_at: "2026-11-28T09:31:05.000Z",
    },
  ],
  labels: { zone: "a" },
  capacity: 100,
  weight: 1,
  cordoned: false,
  draining: null,
  lost: null,
  running: 12,
  held: 15,
  waiting: 0,
  obligations: 0,
  last_error: null,
  last_error_at: null,
  version: 2,
  created_at: "2026-11-28T09:29:58.000Z",
} satisfies Static<typeof Place>;

export const LOST_EXAMPLE = {
  ...PLACE_EXAMPLE,
  cordoned: true,
  lost: { at: "2026-11-28T10:00:00.000Z", by: "admin", reason: "the host burned down, ticket 4711" },
};

export const ConfirmBody = strictObject(
  {
    identity: nullable(
      expecting("an identity as a worker reports it", Type.String({ minLength: 1, maxLength: 512 })),
      { description: "As `workers` of the place say it; null: that which carries none yet." },
    ),
  },
  { examples: [{ identity: PLACE_EXAMPLE.identity }] },
);

export const LostBody = strictObject(
  {
    reason: expecting(
      "1 to 1024 characters that say why",
      Type.String({ pattern: "^(?=[^]*\\S)[^]{1,1024}$", description: "Kept with who said so." }),
    ),
  },
  { examples: [{ reason: "the host burned down, ticket 4711" }] },
);

const Progress = {
  leaving: Type.Integer({ description: "Workspaces that will be taken elsewhere." }),
  staying: Type.Integer({
    description: "Workspaces that stay: they have data there and no `may_move`, or run elsewhere.",
  }),
};

export const Drain = Type.Object({
  ...Progress,
  first_staying: Type.Array(
    Type.Object({ id: uuid(), name: Type.String(), status: Type.Enum([...STATUSES]) }),
    { description: "The first 100 of those that stay; `GET /workspaces?place=` has all that are there." },
  ),
});
export const DRAIN_EXAMPLE = {
  leaving: 11,
  staying: 1,
  first_staying: [{ id: "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f", name: "echo", status: "online" as const }],
};

export const PatchPlaceBody = expecting(
  "a JSON object with at least one of labels, capacity, weight and cordoned",
  strictObject(
    {
      labels: Type.Optional(Labels),
      capacity: Type.Optional(
        nullable(
          expecting(
            `a whole number from 0 to ${MAX_RUNNING}, or null`,
            Type.Integer({ minimum: 0, maximum: MAX_RUNNING }),
          ),
          { description: "How many workspaces may hold something there; null: any number." },
        ),
      ),
      weight: Type.Optional(
        expecting("a whole number from 1 to 1000", Type.Integer({ minimum: 1, maximum: 1_000 })),
      ),
      cordoned: Type.Optional(Type.Boolean()),
    },
    {
      minProperties: 1,
      description: "What is given replaces what was, as a whole.",
      examples: [{ capacity: 100, cordoned: false }],
    },
  ),
);

/** A live worker reaches it, and it is the one meant. */
export function isServed({ workers }: Pick<PlaceReport, "workers">): boolean {
  return workers.some(({ state }) => state === "confirmed");
}

export function viewPlace(place: PlaceReport): Static<typeof Place> {
  const { name, backend, identity, confirmed_by, workers, running, held, waiting, obligations, version } =
    place;
  return {
    name,
    backend,
    identity,
    identified_at: iso(place.identified_at),
    confirmed_by,
    served: isServed(place),
    served_at: iso(place.served_at),
    workers: workers.map((one) => ({
      worker: one.worker,
      state: one.state,
      identity: one.identity,
      problem: one.problem,
      since: one.since,
      last_seen_at: one.last_seen_at,
    })),
    labels: place.labels,
    capacity: place.capacity,
    weight: place.weight,
    cordoned: place.cordoned,
    draining:
      place.draining_since === null
        ? null
        : { since: place.draining_since.toISOString(), by: place.draining_by! },
    lost:
      place.lost_at === null
        ? null
        : { at: place.lost_at.toISOString(), by: place.lost_by!, reason: place.lost_reason! },
    running,
    held,
    waiting,
    obligations,
    last_error: place.last_error,
    last_error_at: iso(place.last_error_at),
    version,
    created_at: place.created_at.toISOString(),
  };
}
