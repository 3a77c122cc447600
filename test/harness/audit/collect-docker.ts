import { readFile } from "node:fs/promises";
import { isNoteVolume, isOfNotes } from "./notes.js";
import type { DockerEvent, DockerRequest, RunRecord } from "./record.js";

export interface DockerSources {
  /** The `docker` command, past all links. */
  cli(...args: string[]): Promise<string>;
  /** The daemon's own log. */
  logFile: string;
}

export const NO_DOCKER: RunRecord["docker"] = { events: [], requests: [], containers: [], volumes: [] };

/** What there is in the daemon, in any state and with any label, and what it has told and been asked. */
export async function collectDocker(
  { cli, logFile }: DockerSources,
  events: readonly DockerEvent[],
): Promise<RunRecord["docker"]> {
  const containers = await cli("ps", "--all", "--quiet", "--no-trunc");
  const volumes = await cli("volume", "ls", "--quiet");
  const inspected = async <Thing>(kind: string[], ids: string) =>
    ids === "" ? [] : (JSON.parse(await cli(...kind, "inspect", ...ids.split("\n"))) as Thing[]);
  return {
    events: events.filter((event) => !isOfNotes(event)),
    requests: requestsIn(await readFile(logFile, "utf8")),
    containers: (await inspected<Container>(["container"], containers)).map(({ Id, State, Config }) => ({
      id: Id,
      state: State.Status,
      labels: Config.Labels ?? {},
    })),
    volumes: (await inspected<Volume>(["volume"], volumes))
      .filter(({ Name }) => !isNoteVolume(Name))
      .map(({ Name, Labels }) => ({ name: Name, labels: Labels ?? {} })),
  };
}

interface Container {
  Id: string;
  State: { Status: string };
  Config: { Labels: Record<string, string> | null };
}

interface Volume {
  Name: string;
  Labels: Record<string, string> | null;
}

/** Those that change something, of Berth: the `docker` command names a version of the API, and Berth doesn't. */
export function requestsIn(log: string): DockerRequest[] {
  const found = log.matchAll(/^time="([^"]+)" level=debug msg="Calling (POST|DELETE) (\/[^?" ]+)/gm);
  return [...found]
    .map(([, time, method, path]) => ({ at: Date.parse(time!), method: method!, path: path! }))
    .filter(({ path }) => !/^\/v\d|^\/volumes\/berth-note-/.test(path));
}
