/** Time as an argument. Whatever is compared between processes is by the database's clock, never by this one. */
export interface Clock {
  /** Milliseconds that only ever grow, for durations: the wall clock may jump. */
  monotonic(): number;
}

export const systemClock: Clock = { monotonic: () => performance.now() };
