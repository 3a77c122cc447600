import { constants } from "node:os";

const MAX_REMEMBERED = 1_000;
const SIGNALS: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name]),
);
/** A shell's, and every init process's, way to say that a signal ended the program. */
const BY_SIGNAL = 128;

/**
 * How a program's end is told, from its exit code: `exit 3`, `exit 0 (the command is over)`, `exit 143 (SIGTERM)`,
 * `exit 137 (out of memory)`. Without the last, a code above 128 may also be the program's own choice.
 */
export function reasonOfExit(code: number, outOfMemory = false): string {
  if (outOfMemory) return `exit ${code} (out of memory)`;
  if (code === 0) return "exit 0 (the command is over)";
  const signal = SIGNALS.get(code - BY_SIGNAL);
  return signal === undefined ? `exit ${code}` : `exit ${code} (${signal})`;
}

/** As {@link reasonOfExit}, for a program that its parent saw end by a signal. */
export function reasonOfSignal(signal: NodeJS.Signals): string {
  return reasonOfExit(BY_SIGNAL + constants.signals[signal]);
}

/** Why instances ended, by ledger row: what `Backend.reasonOf` tells. It remembers the last thousand. */
export function createEnds() {
  const reasons = new Map<string, string>();
  return {
    note(resourceId: string, reason: string): void {
      reasons.delete(resourceId);
      reasons.set(resourceId, reason);
      if (reasons.size > MAX_REMEMBERED) reasons.delete(reasons.keys().next().value!);
    },
    of: (resourceId: string): string | null => reasons.get(resourceId) ?? null,
  };
}

export type Ends = ReturnType<typeof createEnds>;
