import type { AgentLine, Resource, RunRecord } from "./record.js";
import { byWorkspace } from "./view.js";

export const WORKSPACE_LABEL = "berth.workspace";
export const RESOURCE_LABEL = "berth.resource";
const GENERATION_LABEL = "berth.generation";
/** The daemon tells of an end a little after its lists have said so. */
export const TOLD_LATE_MS = 1_000;

/**
 * The life of a container, by what its daemon told. Where it told nothing because it was killed, the earliest time
 * that can be: what is judged by it is judged in favour of Berth.
 */
export interface ContainerLife {
  id: string;
  workspace: string;
  resource: string;
  generation: number;
  madeAt: number;
  /** Null: it never ran. */
  startedAt: number | null;
  /** Null: it runs. */
  diedAt: number | null;
  /** Null: it is still there. */
  goneAt: number | null;
}

export function containerLives({ docker }: RunRecord): ContainerLife[] {
  const left = new Map(docker.containers.map((one) => [one.id, one]));
  const told = byWorkspace(
    docker.events.filter(({ type }) => type === "container"),
    ({ id }) => id,
  );
  return [...told]
    .map(([id, events]) => {
      const first = (action: string) => events.find((one) => one.action === action)?.at ?? null;
      const last = (action: string) => events.findLast((one) => one.action === action)?.at ?? null;
      const { labels } = events[0]!;
      const startedAt = first("start");
      const runs = left.get(id)?.state === "running";
      return {
        id,
        workspace: labels[WORKSPACE_LABEL] ?? "",
        resource: labels[RESOURCE_LABEL] ?? "",
        generation: Number(labels[GENERATION_LABEL]),
        madeAt: events[0]!.at,
        startedAt,
        diedAt: runs ? null : (last("die") ?? startedAt ?? events[0]!.at),
        goneAt: left.has(id) ? null : (last("destroy") ?? events.at(-1)!.at),
      };
    })
    .toSorted((a, b) => a.madeAt - b.madeAt);
}

/** The row of the ledger that an agent is: a container's by what its daemon told of it, else by its generation. */
export function rowOfAgent(record: RunRecord): (line: AgentLine) => Resource | undefined {
  const rows = new Map(record.sql.resources.map((row) => [row.id, row]));
  const labelled = new Map(containerLives(record).map(({ id, resource }) => [id, resource]));
  return ({ resource, workspace, generation }) =>
    rows.get(labelled.get(resource) ?? resource) ??
    record.sql.resources.find(
      (row) =>
        row.backend === "docker" &&
        row.kind === "instance" &&
        row.workspace_id === workspace &&
        row.generation === generation,
    );
}

/** What Berth asked the daemon to do to one thing. */
export interface Asked {
  at: number;
  /** `end`: to stop or remove a container; `remove`: a volume. */
  what: "end" | "remove";
  /** As it was called: a container by its id or name. */
  target: string;
}

const END = /^(?:DELETE \/containers\/([^/]+)|POST \/containers\/([^/]+)\/(?:stop|kill))$/;
const REMOVE = /^DELETE \/volumes\/([^/]+)$/;

export function askedOf({ docker }: RunRecord): Asked[] {
  return docker.requests.flatMap(({ at, method, path }): Asked[] => {
    const request = `${method} ${path}`;
    const end = END.exec(request);
    if (end !== null) return [{ at, what: "end", target: (end[1] ?? end[2])! }];
    const volume = REMOVE.exec(request)?.[1];
    return volume === undefined ? [] : [{ at, what: "remove", target: volume }];
  });
}

/** Of a container or volume; empty for a name that isn't Berth's. */
export function workspaceOf(name: string): string {
  return /^ws-([0-9a-f-]{36})$/.exec(name)?.[1] ?? "";
}

/** As reports show it. */
export function shortId(id: string): string {
  return `container ${id.slice(0, 12)}`;
}
