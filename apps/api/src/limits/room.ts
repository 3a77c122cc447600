/** For so long after another has asked a caller isn't alone, in ms. */
const COMPANY_MS = 60_000;
/** How often it is looked, at most, in ms: long enough for some requests, short enough for a burst to be met. */
const LOOK_EVERY_MS = 100;
/** Which part of the time the process is at work: the more, the longer what comes then waits. */
const FULL = 0.7;
const BUSY = 0.45;
const FREE = 0.3;

export interface Room {
  /** To be told of each request, when it comes. */
  meet(by: string): void;
  /**
   * How many requests of this caller may be under way. While others ask too: up to `most` of each if the process mostly waits for
   * the database, or the caller has had less of it than its part; of the others fewer, down to one, the more the process is itself at
   * work, since more would make nothing faster, and each answer later. Who has been alone for a minute isn't bounded: there is
   * nobody from whom it would take anything.
   */
  of(by: string): number;
  /**
   * To be told how long each took. @returns for how long the caller's next is to wait, so that who asks for most doesn't fill the
   * process by itself: three times as long as that at most. In ms.
   */
  used(by: string, tookMs: number): number;
}

/** A rest is as many times as long as what was before it, at most. */
const MAX_REST = 3;
/** By so much it grows at a time. */
const REST_STEP = 0.5;
/** What was had before so long counts for half, in ms. */
const HALF_LIFE_MS = 2_000;
/** Below it a caller has had nothing, in ms. */
const NOTHING_MS = 1;

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
  let rest = 0;
  /** What each caller has had lately, in ms, and what all would have had alike. */
  const had = new Map<string, number>();
  let part = 0;
  let lookedAt = -Infinity;
  let last = { by: "", at: -Infinity };
  /** When somebody else than the last one asked. */
  let otherAt = -Infinity;

  const look = (): void => {
    const since = now() - lookedAt;
    if (since < LOOK_EVERY_MS) return;
    lookedAt = now();
    let all = 0;
    for (const [by, ms] of had) {
      const left = ms * 2 ** (-since / HALF_LIFE_MS);
      all += left;
      if (left < NOTHING_MS) had.delete(by);
      else had.set(by, left);
    }
    part = had.size === 0 ? 0 : all / had.size;
    const used = utilization();
    if (used > BUSY && room === 1) rest = Math.min(MAX_REST, rest + REST_STEP);
    else if (used > BUSY) room = used > FULL ? Math.ceil(room / 2) : room - 1;
    else if (used < FREE && rest > 0) rest -= REST_STEP;
    else if (used < FREE) room = Math.min(most, room + 1);
  };
  const isAlone = (by: string): boolean => now() - (by === last.by ? otherAt : last.at) > COMPANY_MS;
  const isModest = (by: string): boolean => had.size > 1 && (had.get(by) ?? 0) < part;
  return {
    meet(by) {
      if (by !== last.by) otherAt = last.at;
      last = { by, at: now() };
    },
    of(by) {
      look();
      if (isAlone(by)) return Infinity;
      return isModest(by) ? most : room;
    },
    used(by, tookMs) {
      had.set(by, (had.get(by) ?? 0) + tookMs);
      return isAlone(by) || isModest(by) ? 0 : rest * tookMs;
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
