/** Whether the key of whoever follows a stream is still good. */
export interface KeyCheck {
  /** Looked at every `aliveEveryMs`: false once it no longer is. */
  isAllowed: () => Promise<boolean>;
  aliveEveryMs: number;
}

/** Calls `onRefused` when the key isn't good any more, until the interval that is returned is cleared. */
export function watchKey({ isAllowed, aliveEveryMs }: KeyCheck, onRefused: () => void): NodeJS.Timeout {
  const check = async (): Promise<void> => {
    if (!(await isAllowed())) onRefused();
  };
  // Whether a key is good can't be told while the database is away.
  return setInterval(() => void check().catch(() => undefined), aliveEveryMs);
}
