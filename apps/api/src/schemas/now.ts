import Type, { type Static } from "typebox";
import { nullable, time, uuid } from "./common.js";

/** What may be wrong, the gravest first. */
export const TROUBLES = [
  "queues_down",
  "events_late",
  "no_worker",
  "place_wrong",
  "place_unserved",
  "sweep_held",
  "sweep_silent",
  "removal_late",
  "failed",
  "offline",
  "waiting",
  "webhook_off",
  "webhook_missed",
  "webhook_refused",
  "sweep_failing",
  "sweep_paused",
] as const;

const Trouble = Type.Object({
  code: Type.Enum([...TROUBLES]),
  title: Type.String({ description: "What is wrong." }),
  cause: nullable(Type.String(), { description: "Why, as far as it is known." }),
  remedy: Type.String({ description: "What Berth does about it, or what somebody must do." }),
  needs_person: Type.Boolean({ description: "It stays so until somebody acts." }),
  count: Type.Integer({ description: "Of how many things it is said." }),
  since: nullable(time("Since when.")),
  next_at: nullable(time("When Berth tries next.")),
  cost_per_hour: nullable(Type.Number(), { description: "What it costs, roughly; null: not known." }),
  workspace: nullable(Type.Object({ id: uuid(), name: Type.String() }), {
    description: "One of those meant, the longest so.",
  }),
  operation_id: nullable(uuid()),
  place: nullable(Type.String()),
  sweep: nullable(Type.String()),
});
export type Trouble = Static<typeof Trouble>;

export const Now = Type.Object({
  deployment_id: Type.String(),
  at: time("When this was read."),
  well: Type.Boolean({ description: "Nothing is wrong." }),
  troubles: Type.Array(Trouble, { description: "The gravest first." }),
  workspaces: Type.Array(Type.Object({ backend: Type.String(), status: Type.String(), n: Type.Integer() }), {
    description: "Those that aren't removed.",
  }),
  operations: Type.Array(Type.Object({ kind: Type.String(), state: Type.String(), n: Type.Integer() }), {
    description: "Those that are unfinished.",
  }),
  ended_last_hour: Type.Array(Type.Object({ kind: Type.String(), state: Type.String(), n: Type.Integer() })),
});

export const NOW_EXAMPLE = {
  deployment_id: "berth",
  at: "2026-11-21T09:30:00.000Z",
  well: false,
  troubles: [
    {
      code: "failed",
      title: "24 workspaces have failed",
      cause: "the provider has no capacity",
      remedy: "Restart them once the cause is gone.",
      needs_person: true,
      count: 24,
      since: "2026-11-21T09:12:00.000Z",
      next_at: null,
      cost_per_hour: null,
      workspace: { id: "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f", name: "echo" },
      operation_id: null,
      place: null,
      sweep: null,
    },
  ],
  workspaces: [{ backend: "ec2", status: "failed", n: 24 }],
  operations: [],
  ended_last_hour: [{ kind: "provision", state: "failed", n: 24 }],
} satisfies Static<typeof Now>;
