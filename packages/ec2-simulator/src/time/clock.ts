/** Where the simulator's time comes from. Milliseconds since the epoch. */
export interface Clock {
  readonly kind: "virtual" | "real";
  now(): number;
  /** Asks for `wake` once the clock has reached `at`; replaces an earlier request. Null: no more wake-ups. */
  wakeAt(at: number | null, wake: () => void): void;
}

/** Node fires a timer with a longer delay at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Stands still until {@link VirtualClock.moveTo} is called. */
export class VirtualClock implements Clock {
  readonly kind = "virtual";
  #now: number;

  constructor(start: number = Date.now()) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  moveTo(at: number): void {
    this.#now = Math.max(this.#now, at);
  }

  wakeAt(): void {}
}

/** The wall clock, or `speed` times as fast from the moment it was made. */
export class RealClock implements Clock {
  readonly kind = "real";
  readonly #speed: number;
  readonly #start = Date.now();
  readonly #origin = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(speed = 1) {
    this.#speed = speed;
  }

  /** Built on the monotonic clock, so that a step of the wall clock can't freeze or reverse a state machine. */
  now(): number {
    return this.#start + Math.floor((performance.now() - this.#origin) * this.#speed);
  }

  wakeAt(at: number | null, wake: () => void): void {
    clearTimeout(this.#timer);
    if (at === null) return;
    const waitMs = Math.max(0, (at - this.now()) / this.#speed);
    this.#timer = setTimeout(wake, Math.min(Math.ceil(waitMs), LONGEST_TIMER_MS));
    this.#timer.unref();
  }
}

export type ClockChoice = "virtual" | "real" | { speed: number } | Clock;

export function clockFrom(choice: ClockChoice): Clock {
  if (choice === "virtual") return new VirtualClock();
  if (choice === "real") return new RealClock();
  return "speed" in choice ? new RealClock(choice.speed) : choice;
}
