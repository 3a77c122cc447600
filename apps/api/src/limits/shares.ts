import { BerthError, type ErrorCode } from "@berth/core/base/errors";
import type { Readable } from "node:stream";

/** What callers may hold of something that a process has a limited number of. */
export interface Shares {
  /** Opens a stream for this caller, whose it is until its close. @throws BerthError once the caller has its share. */
  hold(
    caller: { name: string; keyId: string | null },
    open: () => Readable | Promise<Readable>,
  ): Promise<Readable>;
}

/** Of few there is no use in shares: one caller may have them all. */
const FEW = 10;

/** No key gets more than a tenth of what there is: the others find some left, whatever one of them does. */
export function createShares(most: number, what: string, code: ErrorCode): Shares {
  const share = Math.max(Math.ceil(most / 10), Math.min(most, FEW));
  const held = new Map<string, number>();
  const count = (holder: string, by: number): void => {
    const now = (held.get(holder) ?? 0) + by;
    if (now === 0) held.delete(holder);
    else held.set(holder, now);
  };
  return {
    async hold({ name, keyId }, open) {
      const holder = keyId ?? name;
      if ((held.get(holder) ?? 0) >= share)
        throw new BerthError(code, `this key has ${share} ${what} here, as many as one key may: close some`);
      count(holder, 1);
      try {
        const stream = await open();
        stream.once("close", () => count(holder, -1));
        return stream;
      } catch (error) {
        count(holder, -1);
        throw error;
      }
    },
  };
}
