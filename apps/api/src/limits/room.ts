/** For so long after another has asked a caller isn't alone, in ms. */
const COMPANY_MS = 60_000;
/** How often it is looked, at most, in ms: long enough for some requests, short enough for a burst to be met. */
const LOOK_EVERY_MS = 100;
/** Which part of the time the process is at work: what comes then waits for as long as it is itself served. */
const FULL = 0.85;
const BUSY = 0.65;
const FREE = 0.5;

export interface Room {
  /** To be told of each request, when it comes. */
  meet(by: string): void;
  /**
   * How many requests of this caller may be under way. While others ask too: up to `most` of each if the process mostly waits for
   * the database, down to one while it is itself at work, since more would make nothing faster, and each answer later. Who has
   * been alone for a minute isn't bounded: there is nobody to whom it would take anything.
   */
  of(by: string): number;
}

export function createRoom({
  most,
  now = () => performance.now(),
  utilization = utilizationOfLoop(),
}: {
  most: number;
  now?: () => number;
  /** Of the process since the last call, 0 to 1. */
  utilization?: () => number;
}): Room {
  let room = 1;
  let lookedAt = -Infinity;
  let last = { by: "", at: -Infinity };
  /** When somebody else than the last one asked. */
  let otherAt = -Infinity;

  const look = (): void => {
    if (now() - lookedAt < LOOK_EVERY_MS) return;
    lookedAt = now();
    const used = utilization();
    if (used > FULL) room = Math.ceil(room / 2);
    else if (used > BUSY) room = Math.max(1, room - 1);
    else if (used < FREE) room = Math.min(most, room + 1);
  };
  return {
    meet(by) {
      if (by !== last.by) otherAt = last.at;
      last = { by, at: now() };
    },
    of(by) {
      look();
      return now() - (by === last.by ? otherAt : last.at) > COMPANY_MS ? Infinity : room;
    },
  };
}

function utilizationOfLoop(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const after = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(after, before);
    before = after;
    return utilization;
  };
}
