import type Docker from "dockerode";
import type { InstanceState } from "../backend.js";

/**
 * Where engines that speak Docker's API answer differently: all of it is here, and docs/engines.md has the table with
 * what was seen of which version. What follows is Docker's answer unless Podman is named.
 */

/** A refusal by the engine. */
export interface Refusal {
  status: number;
  message: string;
}

/**
 * `created` waits for the start that follows, or for the launch that will adopt it. `paused` was frozen by
 * hand and still holds all that it had, so it counts as running. Podman has three words more: what is `stopping` may
 * still run, `stopped` has ended and isn't cleaned up yet, and `initialized` is about to run.
 */
export const STATES: Readonly<Record<string, InstanceState>> = {
  created: "starting",
  initialized: "starting",
  restarting: "starting",
  running: "running",
  paused: "running",
  stopping: "running",
  removing: "stopped",
  exited: "stopped",
  stopped: "stopped",
  dead: "stopped",
};

/** A stop can be asked for, in Docker's words and Podman's. */
export const STOPPABLE: ReadonlySet<string> = new Set(["running", "restarting", "paused", "stopping"]);

/** It has ended; Podman says `stopped` before it has cleaned up. */
export function hasEnded(status: string): boolean {
  return status === "exited" || status === "stopped";
}

/** A container has that name: 409, of Podman 500 `… is already in use by …`. */
export function isNameTaken({ status, message }: Refusal): boolean {
  return status === 409 || (status === 500 && /\balready in use\b/i.test(message));
}

/** The daemon lacks the image: 404 `No such image`, which dockerode calls a container that isn't there. */
export function isImageMissing({ status, message }: Refusal): boolean {
  return status === 404 && /no such image/i.test(message);
}

/** 404 at the start, `network x not found`; of Podman 500 at the creation, `unable to find network with name or ID x`. */
export function isNetworkMissing({ message }: Refusal): boolean {
  return /\bnetwork\b.*\bnot found\b/i.test(message);
}

/** Podman without catatonit, which Debian only recommends beside it: 500 at the creation. */
export function isInitMissing({ message }: Refusal): boolean {
  return /container-init binary not found/i.test(message);
}

/** 304 while a stop is pending as well; Podman says 500 then. */
export function isStartedAlready({ status, message }: Refusal): boolean {
  return status === 304 || (status === 500 && /must be in Created or Stopped state/i.test(message));
}

/** Of a removal: another one is under way, or done. Podman answers 204 to both. */
export function isBeingRemoved({ status, message }: Refusal): boolean {
  return status === 404 || /already in progress/i.test(message);
}

/** 409 `volume is in use - [id]`; of Podman 409 `volume x is being used by the following container(s): …`. */
export function isVolumeInUse({ message }: Refusal): boolean {
  return /\bin use\b|\bbeing used\b/i.test(message);
}

/** Five creations of one volume at once are 201 each; of Podman some are 500 `volume already exists`. */
export function isVolumeThere({ message }: Refusal): boolean {
  return /\balready exists\b/i.test(message);
}

/** As an init process, like a shell, says that the program can't be run, or isn't there. */
const CANNOT_RUN: ReadonlySet<number> = new Set([126, 127]);
/**
 * Podman's init, catatonit, says 1 for both, and why in a line of its own. It writes that line in parts, of which Podman 4.3 without
 * root now and then keeps the second alone.
 */
const CATATONIT = { exitCode: 1, line: /^(?:ERROR \(catatonit:\d+\): )?failed to exec pid1: /m };

/** With an init process the engine calls any start a success. `log` is asked only where the exit code doesn't tell. */
export async function couldNotRun(exitCode: number, log: () => Promise<string>): Promise<boolean> {
  return CANNOT_RUN.has(exitCode) || (exitCode === CATATONIT.exitCode && CATATONIT.line.test(await log()));
}

/**
 * Podman counts a last line that has no end yet as one of `tail`, and 4.3 glues it to the line before it. Its logs are
 * read whole there; they are no longer than `max-size`, at which it empties them.
 */
export function tailsWell(podman: boolean): boolean {
  return !podman;
}

/** What is asked of `GET /containers/{id}/top`: Docker gives it to its machine's `ps`, Podman has words of its own. */
export function topWords(podman: boolean): string {
  return podman ? "pid,state,args" : "-o pid,stat,args";
}

/** Its answer: a row for each process, or null when the last one has ended meanwhile. */
export interface Top {
  Processes: [pid: string, state: string, command: string][] | null;
}

/**
 * Whether the init process has executed the program that it was given: until then there is only itself, and a fork that has its
 * command line. What has ended and isn't reaped yet (`Z`) runs nothing, and has no command line.
 */
export function hasExecuted({ Processes: processes }: Top): boolean {
  const alive = (processes ?? []).filter(([, state]) => !state.startsWith("Z"));
  return new Set(alive.map(([, , command]) => command)).size > 1;
}

/** Docker on a machine without `ps`, or with one that doesn't know these words: 500 `ps: …`. */
export function isTopUnknown({ status, message }: Refusal): boolean {
  return status === 500 && /\bps\b/.test(message);
}

export async function askWhetherPodman(docker: Docker, abortSignal: AbortSignal): Promise<boolean> {
  // Its types leave the options out.
  const client = docker as unknown as {
    version(options: { abortSignal: AbortSignal }): Promise<{ Components?: { Name?: string }[] }>;
  };
  const { Components: components } = await client.version({ abortSignal });
  return components?.some(({ Name: name }) => /podman/i.test(name ?? "")) === true;
}
