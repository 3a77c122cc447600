import type { FaultTable } from "./faults/table.js";
import type { Random } from "./random.js";
import type { Delay, Delays, Settings } from "./settings.js";
import type { Clock } from "./time/clock.js";
import type { Schedule } from "./time/schedule.js";

/** A change of an instance's or a volume's state. */
export interface Transition {
  /** Milliseconds since the epoch on the simulator's clock. */
  at: number;
  region: string;
  id: string;
  from: string | null;
  to: string;
  /** StateReason's code, if there is one. */
  reason: string | null;
}

/** What every part of the simulator shares. */
export interface World {
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly faults: FaultTable;
  readonly settings: Settings;
  readonly onTransition: (transition: Transition) => void;
}

/** The delay for one occasion, drawn from its range if it is one. */
export function delayOf(world: World, name: keyof Delays): number {
  const delay: Delay = world.settings.delays[name];
  if (typeof delay === "number") return delay;
  return Math.round(delay[0] + world.random.fraction() * (delay[1] - delay[0]));
}
