import type { InstanceState } from "../compute/backend.js";
import { insertEvents } from "../db/events.js";
import { lockGates } from "../db/gates.js";
import { transaction } from "../db/pool.js";
import { noteChecked, noteContradiction, takeDeadOffline, type Checked } from "../db/sweep-queries.js";
import { newEvent } from "../domain/events.js";
import type { SweepDeps } from "./sweep.js";

export type DeadState = Extract<InstanceState, "gone" | "stopped">;

/** A workspace whose provider has cleanly said that its instance doesn't run. */
export interface Dead {
  checked: Checked;
  state: DeadState;
  /** As the provider has it; null: it gives none. */
  reason: string | null;
}

/** What one look at instances has told. */
export interface Seen {
  checked: readonly Checked[];
  /** Called dead while their agent is heard. */
  contradicted: readonly { checked: Checked; state: DeadState }[];
  /** Told for certain, and not dead. */
  recovered: readonly Checked[];
  /** With what their status is to say. */
  dead: readonly (Dead & { words: string })[];
  /** How old a beat may be that contradicts. */
  freshMs: number;
}

/**
 * Writes down what was seen. The dead are `offline` from now on, before anything is done about them and whatever holds
 * that (I13): unless something is under way for them, or an agent was heard meanwhile.
 */
export async function tellStates(
  { pool }: Pick<SweepDeps, "pool">,
  { checked, contradicted, recovered, dead, freshMs }: Seen,
): Promise<void> {
  const news = contradicted.filter((one) => !one.checked.contradicted);
  const settled = recovered.filter((one) => one.contradicted);
  await transaction(pool, async (tx) => {
    await noteChecked(tx, ids(checked));
    await noteContradiction(tx, ids(news.map((one) => one.checked)), true);
    await noteContradiction(tx, ids(settled), false);
    const gates = dead.length === 0 ? [] : await lockGates(tx, ids(dead.map((one) => one.checked)));
    const idle = new Set(
      gates.flatMap((gate) => (gate.head < gate.tail || gate.leased ? [] : gate.workspace_id)),
    );
    const told = dead.filter((one) => idle.has(one.checked.id));
    const from = await takeDeadOffline(
      tx,
      told.map(({ checked: { id, generation, instance }, words }) => ({
        id,
        generation,
        instance_id: instance.provider_id!,
        reason: words,
      })),
      freshMs,
    );
    await insertEvents(tx, [
      ...news.map(({ checked: one, state }) =>
        newEvent("workspace.contradiction", one.id, {
          requested_by: "instance-state",
          instance_id: one.instance.provider_id,
          provider_says: state,
          heartbeat_ms_ago: one.heartbeat_ms_ago,
        }),
      ),
      ...told.flatMap(({ checked: one, state, reason }) => {
        const before = from.get(one.id);
        return before === undefined || before === "offline"
          ? []
          : newEvent("workspace.offline", one.id, {
              reason: `instance_${state}`,
              from: before,
              instance_id: one.instance.provider_id,
              generation: one.generation,
              requested_by: "instance-state",
              state,
              provider_reason: reason,
            });
      }),
    ]);
  });
}

function ids(rows: readonly Checked[]): string[] {
  return rows.map((row) => row.id);
}
