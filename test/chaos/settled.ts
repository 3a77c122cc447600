import { expect, vi } from "vitest";
import type { Pool } from "@berth/core/db/pool";

/** Waits until no operation is unfinished; at the end of its patience it says which ones are. */
export async function settled(pool: Pool): Promise<void> {
  await vi.waitFor(
    async () => {
      const { rows } = await pool.query(
        `select o.workspace_id, o.ticket, o.kind, o.state, o.phase, o.attempt, o.takeovers, o.error->>'message' as error,
           o.next_attempt_at, g.head, g.tail, g.owner, g.lease_until, clock_timestamp() as now
         from operations o join gates g using (workspace_id)
         where o.state in ('queued', 'running') order by o.workspace_id, o.ticket limit 4`,
      );
      expect(rows, "I7: operations that haven't ended").toEqual([]);
    },
    { interval: 100 },
  );
}
