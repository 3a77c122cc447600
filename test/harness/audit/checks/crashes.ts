import type { Check } from "../check.js";

/** A process that starts while its database is away ends, and is started again. */
const AFTERMATH_MS = 15_000;

export const crashes: Check = {
  name: "crashes",
  invariant: "I7",
  promise: "No process of Berth ends by itself but at its start, for want of a database",
  find: ({ ended, faults }) =>
    ended
      .filter(
        ({ at, program }) =>
          !faults.some(
            ({ fault, at: from, until }) =>
              from <= at &&
              (fault.kind === "kill-at-step"
                ? fault.program === program && at <= until
                : (fault.kind === "postgres" ||
                    // One that connects anew is refused: "could not write init file".
                    (fault.kind === "disk" && fault.of === "postgres") ||
                    (fault.kind === "network" && fault.link === `${program}-postgres`)) &&
                  at <= until + AFTERMATH_MS),
          ),
      )
      .map(({ at, program, code, signal }) => ({
        workspace: null,
        at,
        what: `${program} ended by itself with ${signal ?? code}`,
      })),
};
