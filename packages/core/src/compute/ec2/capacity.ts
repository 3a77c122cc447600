import type { Lack, Refusal } from "./launch-errors.js";

/** What this process was lately refused, so that others needn't find out again. */
export interface Capacity {
  note(refusal: Refusal, type: string, az: string): void;
  /** The latest refusal of the type in the zone, its age in ms; null if there is none that still counts. */
  lackOf(type: string, az: string): (Refusal & { agoMs: number }) | null;
  /** The run succeeded: there is room again. */
  clear(type: string, az: string): void;
}

/** In ms. A combination that doesn't exist is asked for anew before long, too: a person may have seen to it. */
const REMEMBERED_MS: Readonly<Record<Lack, number>> = {
  no_room: 180_000,
  quota: 180_000,
  unsupported: 60_000,
};
/** Where nothing else is left, the same place is asked again no sooner than this. */
const ASK_AGAIN_MS = 10_000;

export function createCapacity(): Capacity {
  const lacked = new Map<string, { refusal: Refusal; at: number }>();
  const keysOf = (type: string, az: string): string[] => [`${type}/${az}`, `${type}/*`, `*/${az}`];
  return {
    note(refusal, type, az) {
      const { scope } = refusal;
      const key = `${scope === "zone" ? "*" : type}/${scope === "type" ? "*" : az}`;
      lacked.set(key, { refusal, at: performance.now() });
    },
    lackOf(type, az) {
      const now = performance.now();
      const [latest] = keysOf(type, az)
        .flatMap((key) => lacked.get(key) ?? [])
        .filter(({ refusal, at }) => now - at < REMEMBERED_MS[refusal.lack])
        .toSorted((a, b) => b.at - a.at);
      return latest === undefined ? null : { ...latest.refusal, agoMs: now - latest.at };
    },
    clear(type, az) {
      for (const key of keysOf(type, az)) lacked.delete(key);
    },
  };
}

/**
 * The choices in the order in which to try them: those with room first, as they were given; where none has
 * any, those that lacked longest ago, but not those that lacked just now, nor what doesn't exist.
 */
export function inOrderOfRoom<Choice>(
  choices: readonly Choice[],
  lackOf: (choice: Choice) => ReturnType<Capacity["lackOf"]>,
): Choice[] {
  const withRoom = choices.filter((choice) => lackOf(choice) === null);
  if (withRoom.length > 0) return withRoom;
  return choices
    .flatMap((choice) => {
      const { lack, agoMs } = lackOf(choice)!;
      return lack === "unsupported" || agoMs < ASK_AGAIN_MS ? [] : [{ choice, agoMs }];
    })
    .toSorted((a, b) => b.agoMs - a.agoMs)
    .map(({ choice }) => choice);
}

/** What it comes to when all were refused: room may come before a quota is raised, and either before a new type. */
export function outcomeOf<Refused extends { lack: Lack }>(refusals: readonly Refused[]): Refused | undefined {
  const first = (lack: Lack): Refused | undefined => refusals.find((one) => one.lack === lack);
  return first("no_room") ?? first("quota") ?? first("unsupported");
}
