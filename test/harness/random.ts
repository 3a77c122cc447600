/** A sequence that its seed alone decides. */
export interface Random {
  /** 0 to 1, without 1. */
  fraction(): number;
  chance(probability: number): boolean;
  /** A whole number from `min` to `max`. */
  between(min: number, max: number): number;
  pick<Thing>(things: readonly Thing[]): Thing;
}

/** `purpose` gives each user of one seed a sequence of its own. */
export function createRandom(seed: number, purpose: string): Random {
  let state = seed >>> 0;
  for (const char of purpose) state = Math.imul(state ^ char.codePointAt(0)!, 0x01000193) >>> 0;
  // mulberry32
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (min: number, max: number) => min + Math.floor(fraction() * (max - min + 1));
  return {
    fraction,
    chance: (probability) => fraction() < probability,
    between,
    pick: (things) => things[between(0, things.length - 1)]!,
  };
}
