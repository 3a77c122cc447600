import { insertEvents } from "../db/events.js";
import { transaction } from "../db/pool.js";
import { countAgents, heartbeatAge, silentAgents, takeSilentOffline } from "../db/sweep-queries.js";
import { newEvent } from "../domain/events.js";
import { listeningFor } from "../db/heartbeats.js";
import { LISTENER_GONE_MS } from "../agents/heartbeat.js";
import { heal } from "./heal.js";
import { defineSweep, type Sweep } from "./sweep.js";

/**
 * Restarts workspaces whose agent has fallen silent. Silence proves something only if somebody listened:
 * while no API process takes heartbeats, and for a grace time after one does again, no agent is judged.
 */
export const liveness: Sweep = defineSweep("liveness", {
  async plan(deps) {
    const { silentMs, listeningGraceMs } = deps.settings;
    const agents = await countAgents(deps.pool);
    const listeningMs = await listeningFor(deps.pool, LISTENER_GONE_MS);
    if (listeningMs === null || listeningMs < listeningGraceMs)
      return { lookedAt: agents, actions: [], notes: { under_grace: 1 } };
    const silent = await silentAgents(deps.pool, silentMs, liveness.limit);
    return {
      lookedAt: agents,
      actions: silent.map((one) => ({
        key: keyOf(one),
        what: `take workspace ${one.id} offline and restart it`,
        why: `its agent was last heard ${Math.round(one.silent_ms / 1000)} s ago`,
        run: (signal) =>
          heal(
            deps,
            one,
            {
              workspaceId: one.id,
              generation: one.generation,
              source: "liveness",
              requestedBy: liveness.name,
              reason: "agent_silent",
              detail: { silent_ms: one.silent_ms },
              async veto(context) {
                const age = await heartbeatAge(context.db, one.id);
                return age !== null && age >= silentMs ? null : "changed";
              },
            },
            signal,
          ),
      })),
      // Its silence is known, whatever holds its restart (I13).
      record: async (held) => {
        const told = silent.filter((one) => held.has(keyOf(one)));
        if (told.length === 0) return;
        await transaction(deps.pool, async (tx) => {
          const from = await takeSilentOffline(tx, told, { silentMs, reason: HELD });
          await insertEvents(
            tx,
            told.flatMap(({ id, generation, silent_ms }) => {
              const before = from.get(id);
              if (before === undefined) return [];
              const why = { reason: "agent_silent", from: before.status, instance_id: before.instance_id };
              return newEvent("workspace.offline", id, {
                ...why,
                generation,
                silent_ms,
                requested_by: liveness.name,
              });
            }),
          );
        });
      },
    };
  },
});

const HELD =
  "agent_silent; the breaker holds its restart: POST /sweeps/liveness/approve, or berth sweeps approve liveness";

function keyOf({ id, generation }: { id: string; generation: number }): string {
  return `${id}/${generation}`;
}
