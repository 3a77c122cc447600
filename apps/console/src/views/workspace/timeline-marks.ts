import type { Operation, Resource } from "@berth/client";
import { toneOf, wordFor } from "../../parts/status.js";
import { spanOf } from "../../parts/time.js";
import type { History } from "./queries.js";

/** From when to when something was; in ms since 1970. */
export interface Mark {
  key: string;
  from: number;
  /** Null: until now. */
  to: number | null;
  tone: string;
  /** What it was, for who points at it or hears it. */
  says: string;
  operation?: string;
  point?: boolean;
}
export interface Lane {
  name: string;
  marks: readonly Mark[];
}

const KINDS = [
  ["instance", "Instances"],
  ["volume", "Volumes"],
  ["dns_record", "DNS"],
] as const;

/** All lanes in which there is something. */
export function marksOf({ operations, resources, events }: History): Lane[] {
  const lanes: Lane[] = [
    { name: "Waited", marks: operations.flatMap(waitOf) },
    { name: "Ran", marks: operations.flatMap(runOf) },
    ...KINDS.map(([kind, name]) => ({
      name,
      marks: resources.filter((one) => one.kind === kind).map(lifeOf),
    })),
    {
      name: "Events",
      marks: events.map(({ id, event_type, created_at }) => ({
        key: String(id),
        from: Date.parse(created_at),
        to: Date.parse(created_at),
        tone: /fail|exhausted|offline|crash|missing/.test(event_type) ? "bad" : "rest",
        says: event_type.replace(/^workspace\./, "").replaceAll(/[._]/g, " "),
        point: true,
      })),
    },
  ];
  return lanes.filter(({ marks }) => marks.length > 0);
}

function waitOf({ id, kind, created_at, started_at, finished_at }: Operation): Mark[] {
  const from = Date.parse(created_at);
  const end = started_at ?? finished_at;
  const to = end === null ? null : Date.parse(end);
  return [
    {
      key: id,
      from,
      to,
      tone: "wait",
      says: `${kind} waited ${spanOf((to ?? Date.now()) - from)}`,
      operation: id,
    },
  ];
}

function runOf(operation: Operation): Mark[] {
  const { id, kind, state, attempt, started_at, finished_at, phase, generation } = operation;
  if (started_at === null) return [];
  const from = Date.parse(started_at);
  const to = finished_at === null ? null : Date.parse(finished_at);
  const tries = attempt > 1 ? `, attempt ${attempt}` : "";
  const step = to === null && phase !== null ? `, at the step ${phase}` : "";
  const which = generation === null ? "" : `, incarnation ${generation}`;
  const says = `${kind} ${wordFor(state)} after ${spanOf((to ?? Date.now()) - from)}${tries}${step}${which}`;
  return [{ key: id, from, to, tone: toneOf(state), says, operation: id }];
}

function lifeOf({ id, kind, state, created_at, gone_at, generation }: Resource): Mark {
  return {
    key: id,
    from: Date.parse(created_at),
    to: gone_at === null ? null : Date.parse(gone_at),
    tone: toneOf(state),
    says: `${kind.replace("_", " ")} of incarnation ${generation}: ${wordFor(state)}`,
  };
}
