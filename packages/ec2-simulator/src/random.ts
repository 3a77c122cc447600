import { randomInt } from "node:crypto";

/**
 * Seeded randomness (mulberry32), so that a run with faults by probability can be repeated. Without a seed
 * each simulator draws its own: ids of an earlier simulator must not come back and name something else.
 */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number = randomInt(2 ** 32)) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /** At least 0, below 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  hex(digits: number): string {
    let text = "";
    while (text.length < digits)
      text += Math.floor(this.fraction() * 2 ** 32)
        .toString(16)
        .padStart(8, "0");
    return text.slice(0, digits);
  }

  /** An id as AWS makes them: prefix, dash, 0 and 16 hexadecimal digits. */
  id(prefix: string): string {
    return `${prefix}-0${this.hex(16)}`;
  }
}
