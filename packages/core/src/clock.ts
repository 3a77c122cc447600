/** Time as an argument, so that tests decide what it is. */
export interface Clock {
  now(): Date;
  /** Milliseconds that only ever grow, for durations: the wall clock may jump. */
  monotonic(): number;
}

export const systemClock: Clock = { now: () => new Date(), monotonic: () => performance.now() };
