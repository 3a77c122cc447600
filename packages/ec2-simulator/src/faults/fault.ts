import type { AttachmentState, InstanceState, VolumeState } from "../ec2/states.js";

/** What can be made to go wrong. The README tells what each kind does and which fields it reads. */
export const FAULT_KINDS = [
  "throttle",
  "error",
  "html",
  "latency",
  "drop_before",
  "drop_after",
  "capacity",
  "page",
  "no_effect",
  "hidden",
  "stuck",
  "launch_failure",
  "spot_reclaim",
  "os_shutdown",
  "terminate",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface FaultSpec {
  kind: FaultKind;
  /** Actions it applies to; `*` and `?` as in filters. Default: all that the kind can apply to. */
  action?: string | readonly string[];
  /** Region, Availability Zone, instance type, instance id, volume id, access key id: all with `*` and `?`. */
  region?: string;
  az?: string;
  type?: string;
  instance?: string;
  volume?: string;
  key?: string;
  /** Matches let through before the first one that is hit. Default 0. */
  skip?: number;
  /** Times it hits before it is spent. Default: no limit. */
  count?: number;
  /** Milliseconds of the simulator's clock after which it is spent, from when it was set. Default: no limit. */
  forMs?: number;
  /** Chance that a match is hit, 0 to 1, from the seeded generator. Default 1. */
  probability?: number;
  /** `latency`: real milliseconds before the call is looked at. */
  ms?: number;
  /** `error`: what is answered; `launch_failure`: the StateReason's code. */
  code?: string;
  /** `error` and `html`. */
  status?: number;
  message?: string;
  /** `page`: which page of a listing fails, counted from 1. Default 2. */
  page?: number;
  /** `stuck`: the state that isn't left any more. */
  state?: StuckState;
  /** `spot_reclaim`, `os_shutdown`, `terminate`: milliseconds of the simulator's clock after the launch. */
  afterMs?: number;
}

/** States that something can be stuck in. */
export type StuckState = Extract<
  InstanceState | VolumeState | AttachmentState,
  "pending" | "stopping" | "shutting-down" | "creating" | "deleting" | "attaching" | "detaching"
>;

export interface Fault extends FaultSpec {
  readonly id: string;
  /** On the simulator's clock. */
  readonly setAt: number;
  /** Times it hit. */
  fired: number;
  /** Matches so far, those let through included. */
  matched: number;
}

/** What a fault is compared with. A field that is unknown here matches no fault that asks for it. */
export interface FaultTarget {
  action?: string | undefined;
  key?: string | undefined;
  /** Unknown where no call is served. */
  region?: string | undefined;
  az?: readonly string[];
  type?: readonly string[];
  instance?: readonly string[];
  volume?: readonly string[];
  page?: number;
  state?: StuckState;
}
