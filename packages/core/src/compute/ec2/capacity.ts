/** Where this process has lately met no capacity, so that others needn't find out again. */
export interface Capacity {
  /** `az` null: wherever, since the account has reached its limit for the type. */
  note(type: string, az: string | null): void;
  /** How long ago it lacked, in ms; null if that isn't known or too long ago to count. */
  lackedAgo(type: string, az: string): number | null;
  /** The run succeeded: there is room again. */
  clear(type: string, az: string): void;
}

const REMEMBERED_MS = 180_000;
/** Where nothing else is left, the same place is asked again no sooner than this. */
export const ASK_AGAIN_MS = 10_000;

export function createCapacity(): Capacity {
  const lacked = new Map<string, number>();
  const keyOf = (type: string, az: string): string => `${type}/${az}`;
  return {
    note(type, az) {
      lacked.set(keyOf(type, az ?? "*"), performance.now());
    },
    lackedAgo(type, az) {
      const at = Math.max(
        lacked.get(keyOf(type, az)) ?? -Infinity,
        lacked.get(keyOf(type, "*")) ?? -Infinity,
      );
      const ago = performance.now() - at;
      return ago < REMEMBERED_MS ? ago : null;
    },
    clear(type, az) {
      lacked.delete(keyOf(type, az));
      lacked.delete(keyOf(type, "*"));
    },
  };
}

/**
 * The choices in the order in which to try them: those with room first, as they were given; where none has
 * any, those that lacked longest ago, but not those that lacked just now.
 */
export function inOrderOfRoom<Choice>(
  choices: readonly Choice[],
  lackedAgo: (choice: Choice) => number | null,
): Choice[] {
  const withRoom = choices.filter((choice) => lackedAgo(choice) === null);
  if (withRoom.length > 0) return withRoom;
  return choices
    .filter((choice) => (lackedAgo(choice) ?? Infinity) >= ASK_AGAIN_MS)
    .toSorted((a, b) => (lackedAgo(b) ?? 0) - (lackedAgo(a) ?? 0));
}
