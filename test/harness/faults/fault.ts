import type { LinkMode } from "../fleet/link.js";

/** What is broken on purpose. Names are those of the fleet's programs and links. */
export type Fault =
  | { kind: "kill"; program: string }
  /** Started anew so that it kills itself at `<kind>/<step>/<before or after>`. */
  | { kind: "kill-at-step"; program: string; step: string }
  | { kind: "freeze"; program: string }
  /** `crash`: SIGKILL. `older`: started again with what its AOF held when the fault began. `failover`: a replica takes its place. */
  | { kind: "redis"; how: "flush" | "stop" | "crash" | "freeze" | "older" | "failover" }
  /** `crash`: ended without a shutdown; `cut`: it runs on, its connections end. */
  | { kind: "postgres"; how: "stop" | "crash" | "cut" }
  | { kind: "network"; link: string; how: Exclude<LinkMode, "open"> }
  | { kind: "provider"; storm: string }
  /** No instance can be had of the provider. */
  | { kind: "drought" }
  /** A second installation under the same deployment's name is at the same providers. */
  | { kind: "neighbour" }
  /** So many workspaces are asked for whose image a registry never gives, and are deleted at the end. */
  | { kind: "registry"; creates: number }
  /** `kill`: SIGKILL, containers go on without the daemon until it is back; `restart`: it ends them first. */
  | { kind: "docker"; how: "kill" | "restart" }
  /** Ends one of those that run, without Berth; `pick` (0 to 1) says which. `remove`: a container, for good. `prune`: all
   * volumes that no container has. */
  | {
      kind: "strike";
      how: "terminate" | "shutdown" | "process" | "container" | "remove" | "prune";
      pick: number;
    }
  /** There is no room for another byte on the disk of `of`. */
  | { kind: "disk"; of: "postgres" | "redis" }
  /** The wall clock of `of`, a program or `postgres`, is wrong by `stepMs`, and then right again. */
  | { kind: "clock"; of: string; stepMs: number };

export type FaultOf<Kind extends Fault["kind"]> = Extract<Fault, { kind: Kind }>;

/** Lasts `forMs`. */
export type LastingFault = Fault & { forMs: number };
/** Begins `at` ms after the load. */
export type PlannedFault = LastingFault & { at: number };

/** What a fault breaks: two at once of one target would undo each other. */
export function targetOf(fault: Fault): string {
  switch (fault.kind) {
    case "kill":
    case "kill-at-step":
    case "freeze":
      return fault.program;
    case "network":
      return fault.link;
    case "redis":
    case "postgres":
    case "provider":
    case "drought":
    case "neighbour":
    case "registry":
    case "docker":
    case "strike":
      return fault.kind;
    case "disk":
      return fault.of;
    case "clock":
      return `clock ${fault.of}`;
  }
}

/** In one line, as the schedule is printed. */
export function describe(fault: Fault): string {
  switch (fault.kind) {
    case "kill":
    case "freeze":
      return `${fault.kind} ${fault.program}`;
    case "kill-at-step":
      return `kill ${fault.program} at ${fault.step}`;
    case "redis":
    case "postgres":
    case "docker":
    case "strike":
      return `${fault.kind} ${fault.how}`;
    case "network":
      return `network ${fault.how} ${fault.link}`;
    case "provider":
      return `provider ${fault.storm}`;
    case "drought":
      return "drought of capacity";
    case "neighbour":
      return "a second installation";
    case "registry":
      return `registry hangs, ${fault.creates} creates`;
    case "disk":
      return `disk full ${fault.of}`;
    case "clock":
      return `clock ${fault.of} ${fault.stepMs > 0 ? "+" : ""}${fault.stepMs / 1_000} s`;
  }
}
