import { AwsError } from "../errors.js";
import type { FaultTarget } from "../faults/fault.js";
import type { Reader } from "../query/reader.js";
import type { World } from "../world.js";
import type { XmlDocument } from "../xml/write.js";
import type { Region } from "./region.js";

/** One call while it is carried out. */
export interface ActionContext {
  readonly world: World;
  readonly region: Region;
  readonly name: string;
  readonly request: Reader;
  /** The request's parameters as they came. */
  readonly flat: readonly [string, string][];
  /** The caller's access key id. */
  readonly key: string;
  /** Milliseconds since the epoch on the simulator's clock. */
  readonly now: number;
  /** What the call changed, for the log. */
  readonly effects: string[];
}

/** An action: the names of its parameters (an `ignored` one is accepted and has no effect), and what it does. */
export interface Action {
  readonly accepts: readonly string[];
  readonly ignores: readonly string[];
  run(context: ActionContext): XmlDocument;
}

/** Ends a call with `DryRun` here: everything before has checked the request, nothing has changed yet. */
export function stopIfDryRun({ request }: ActionContext): void {
  if (request.boolean("DryRun"))
    throw new AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
}

/** A fault's target within this call. */
export function callTarget(context: ActionContext, more: FaultTarget = {}): FaultTarget {
  return { ...more, action: context.name, key: context.key, region: context.region.name };
}
