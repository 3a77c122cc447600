import { dispatch } from "./dispatch.js";
import { removedInstances } from "./removed-instances.js";
import type { Sweep } from "./sweep.js";

/** Every sweep there is. */
export const SWEEPS: readonly Sweep[] = [dispatch, removedInstances];
