import type { FaultLine, RunRecord } from "./record.js";

const START = /^\/containers\/([0-9a-f]{64})\/start$/;
/** Longer than a daemon takes to start a container, or to say that it can't. */
const START_MS = 30_000;

/** A container that a daemon was asked to start, and was killed before it said that it had. */
export interface LostContainer {
  id: string;
  /** When the daemon was killed. */
  at: number;
}

/**
 * Docker 20.10 loses the process of a container whose start it is killed in: when it is back it calls the container
 * never started, lets it be removed, and the process runs on. No word of the daemon tells Berth of it, so that what
 * such a process does is no fault of Berth's.
 */
export function lostContainers({ docker, faults }: RunRecord): LostContainer[] {
  const kills = faults.flatMap((line) => (isKill(line) ? (line.killedAt ?? line.until) : []));
  return docker.requests.flatMap(({ at: asked, path }): LostContainer[] => {
    const id = START.exec(path)?.[1];
    const at = kills.find((kill) => kill >= asked && kill - asked < START_MS);
    if (id === undefined || at === undefined) return [];
    const told = docker.events.some(
      (one) => one.id === id && one.action !== "create" && one.at >= asked && one.at <= at,
    );
    return told ? [] : [{ id, at }];
  });
}

const isKill = ({ fault }: FaultLine) => fault.kind === "docker" && fault.how === "kill";
