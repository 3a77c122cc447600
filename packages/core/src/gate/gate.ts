import { randomUUID } from "node:crypto";
import { systemClock, type Clock } from "../base/clock.js";
import {
  claimTickets,
  holdIdleGate,
  lockingGates,
  lockingHeld,
  LOST_GATE,
  passGates,
  renewLeases,
  type Hold,
} from "../db/gates.js";
import { lookAt, type TicketLook } from "../db/gate-looks.js";
import { getByTicket, returnOperation, type Operation, type OperationError } from "../db/operations.js";
import type { WithCommit } from "../db/sent.js";
import { settingPhase } from "../db/progress.js";
import { noteWait } from "../db/waits.js";
import { isDatabaseUnavailable, openedTransaction, sqlState, type Pool, type Tx } from "../db/pool.js";
import { batched } from "../base/batch.js";
import type { Dispatcher } from "./dispatcher.js";
import { finishAll, type Finish } from "./finish.js";
import { LeaseLostError } from "./verdict.js";

const BATCH = 64;

/** An operation that this worker may run now. */
export interface Claimed {
  operation: Operation;
  hold: Hold;
  /** This process's clock before the claim was asked for: its lease began no earlier. */
  claimedAt: number;
}

/** The gate (see ARCHITECTURE.md, The gate), as one worker process uses it. */
export interface Gate {
  /** The operation if its turn has come and it is now ours, else null. */
  claim(workspaceId: string, ticket: number): Promise<Claimed | null>;
  /** Why a ticket must wait; null if its workspace is purged. */
  look(workspaceId: string, ticket: number): Promise<TicketLook | null>;
  renew(holds: readonly Hold[]): Promise<{ operation_id: string; cancel_requested: boolean }[]>;
  /** Runs statements that count only if the gate is still held. @param phase recorded with them @throws LeaseLostError */
  fenced<T>(hold: Hold, work: (tx: Tx) => Promise<T | WithCommit<T>>, phase?: string | null): Promise<T>;
  /** Ends the operation and lets the next one in. @throws LeaseLostError if it was no longer ours. */
  finish(finish: Finish): Promise<void>;
  /** Gives the lease back, not the ticket: the next attempt is due in `delayMs` (I2). @throws LeaseLostError */
  retryLater(hold: Hold, error: OperationError, delayMs: number): Promise<void>;
  /** Gives the lease back, neither ticket nor attempt: the provider is looked at again in `delayMs`. @throws LeaseLostError */
  wait(hold: Hold, wait: { waitsFor: string; delayMs: number }): Promise<void>;
  /** Gives the work back as if this attempt hadn't begun. @throws LeaseLostError */
  handBack(hold: Hold): Promise<void>;
  /** Holds the gate of a workspace with nothing to do; null if it has, or another holds it. */
  holdIdle(workspaceId: string): Promise<{ hold: Hold; claimedAt: number } | null>;
  /** Gives back what {@link holdIdle} took and lets in what was accepted meanwhile. @throws LeaseLostError */
  letGo(hold: Hold): Promise<void>;
  /** Lets the job of this ticket run: its turn has come. Null `place`: its row says where. */
  wake(workspaceId: string, ticket: number, place: string | null): Promise<void>;
}

export function createGate(options: {
  pool: Pool;
  dispatcher: Dispatcher;
  /** Names this worker process in the lease. */
  owner: string;
  leaseMs: number;
  /** The places that this worker serves now: it claims no other's operations (I12). Absent: all. */
  places?: () => readonly string[];
  clock?: Clock;
}): Gate {
  const { pool, dispatcher, owner, leaseMs, places, clock = systemClock } = options;

  const claim = batched<{ workspaceId: string; ticket: number }, Operation | null>(
    BATCH,
    isDatabaseUnavailable,
    async (wants) => {
      const unique = new Map(wants.map((want) => [want.workspaceId, want]));
      const rows = await claimTickets(
        pool,
        [...unique.values()].map((want) => ({ ...want, owner, leaseMs })),
        places?.() ?? null,
      );
      const taken = new Set<string>();
      return wants.map((want) => {
        const row = rows.find((one) => one.workspace_id === want.workspaceId && one.ticket === want.ticket);
        // Two jobs of one ticket in one batch: only one of them may run it.
        if (row === undefined || taken.has(row.id)) return null;
        taken.add(row.id);
        return row;
      });
    },
  );

  const wake = async (workspaceId: string, ticket: number, place: string | null): Promise<void> => {
    if (place !== null && (await dispatcher.promote(workspaceId, ticket, place))) return;
    const operation = await getByTicket(pool, workspaceId, ticket);
    if (operation !== null) await dispatcher.wake(operation);
  };

  const finish = batched<Finish, { held: boolean; next: number | null }>(
    BATCH,
    isDatabaseUnavailable,
    (finishes) =>
      openedTransaction(pool, lockingGates(finishes.map(({ hold }) => hold.workspaceId)), (tx, opened) =>
        finishAll(tx, finishes, opened),
      ),
  );

  return {
    async claim(workspaceId, ticket) {
      const claimedAt = clock.monotonic();
      const operation = await claim({ workspaceId, ticket });
      if (operation === null) return null;
      return {
        operation,
        hold: {
          workspaceId,
          operationId: operation.id,
          ticket,
          fence: operation.fence!,
          place: operation.place,
        },
        claimedAt,
      };
    },
    look: (workspaceId, ticket) => lookAt(pool, workspaceId, ticket),
    renew: (holds) => renewLeases(pool, holds, leaseMs),
    fenced: (hold, work, phase) => fenced(pool, hold, work, phase),
    async finish(one) {
      const { held, next } = await finish(one);
      if (!held) throw new LeaseLostError("the gate is held by another worker");
      // The dispatch sweep mends a wake-up that is lost here.
      if (next !== null) await wake(one.hold.workspaceId, next, one.hold.place).catch(() => undefined);
    },
    retryLater: (hold, error, delayMs) =>
      fenced(pool, hold, async (tx) => {
        await returnOperation(tx, hold.operationId, { spentAttempt: true, error, delayMs });
        await passGates(tx, [hold.workspaceId]);
      }),
    wait: (hold, wait) =>
      fenced(pool, hold, async (tx) => {
        await noteWait(tx, hold.operationId, wait);
        await passGates(tx, [hold.workspaceId]);
      }),
    handBack: (hold) =>
      fenced(pool, hold, async (tx) => {
        await returnOperation(tx, hold.operationId, { spentAttempt: false, error: null, delayMs: 0 });
        await passGates(tx, [hold.workspaceId]);
      }),
    async holdIdle(workspaceId) {
      const claimedAt = clock.monotonic();
      const fence = await holdIdleGate(pool, { workspaceId, owner, leaseMs });
      // No operation has this id; it only tells this lease from others.
      return fence === null
        ? null
        : { hold: { workspaceId, operationId: randomUUID(), ticket: 0, fence, place: null }, claimedAt };
    },
    async letGo(hold) {
      const [gate] = await fenced(pool, hold, (tx) => passGates(tx, [hold.workspaceId]));
      if (gate !== undefined && gate.head < gate.tail)
        await wake(hold.workspaceId, gate.head + 1, null).catch(() => undefined);
    },
    wake,
  };
}

async function fenced<T>(
  pool: Pool,
  hold: Hold,
  work: (tx: Tx) => Promise<T | WithCommit<T>>,
  phase: string | null = null,
): Promise<T> {
  const opening = lockingHeld(hold) + (phase === null ? "" : settingPhase(hold.operationId, phase));
  try {
    return await openedTransaction(pool, opening, work);
  } catch (error) {
    if (sqlState(error) === LOST_GATE) throw new LeaseLostError("the gate is held by another worker");
    throw error;
  }
}
