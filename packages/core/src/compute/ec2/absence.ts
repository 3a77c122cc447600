/**
 * Since when clean answers haven't had a thing whose end nobody saw, by its ledger row: kept where it outlives
 * processes, and by the clock of that place.
 */
export interface Absences {
  /** A clean answer didn't have these. @returns for how long that has been so without a break, in ms */
  note(resourceIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** A clean answer had these. */
  forget(resourceIds: readonly string[]): Promise<void>;
}

/** What an absence comes to. AWS's failures are no absence, and don't get here. */
export interface Absence {
  /** Which of these, just missing in a clean answer, are gone by that: those that have been missing for long enough (I4). */
  lasting(resourceIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** A clean answer had these: whatever was noted of them is over. */
  seen(resourceIds: readonly string[]): Promise<void>;
}

const MAX_REMEMBERED = 20_000;

/**
 * AWS shows a terminated instance for about an hour (docs/ec2-facts.md, States), so one that was never seen terminated and isn't
 * there is in doubt for longer: `absenceMs`.
 */
export function createAbsence(absences: Absences, absenceMs: number): Absence {
  /** When each was last told to be there, so that what is seen all the time isn't told of each time. */
  const told = new Map<string, number>();
  return {
    async lasting(ids) {
      if (ids.length === 0) return new Set();
      for (const id of ids) told.delete(id);
      const ages = await absences.note(ids);
      return new Set(ids.filter((id) => (ages.get(id) ?? 0) >= absenceMs));
    },
    async seen(ids) {
      const now = performance.now();
      // Another process's note may so stand too long by an eighth of what counts.
      const due = ids.filter((id) => now - (told.get(id) ?? -Infinity) > absenceMs / 8);
      if (due.length === 0) return;
      await absences.forget(due);
      if (told.size > MAX_REMEMBERED) told.clear();
      for (const id of due) told.set(id, now);
    },
  };
}
