import { expect, vi } from "vitest";
import type { Pool } from "@berth/core/db/pool";
import { getOperations, type Operation } from "@berth/core/db/operations";
import { isFinished } from "@berth/core/domain/operation";

/** Waits until these operations have all ended, and returns them in the order given. */
export async function ended(pool: Pool, ids: readonly string[]): Promise<Operation[]> {
  return vi.waitFor(
    async () => {
      const rows = new Map((await getOperations(pool, ids)).map((row) => [row.id, row]));
      const open = [...rows.values()].filter((row) => !isFinished(row.state));
      expect(
        open.map(({ kind, state, phase, attempt, error }) => ({ kind, state, phase, attempt, error })),
        "operations that haven't ended",
      ).toEqual([]);
      return ids.map((id) => rows.get(id)!);
    },
    { interval: 25 },
  );
}
