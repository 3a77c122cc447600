import { randomUUID } from "node:crypto";
import { systemClock, type Clock } from "../base/clock.js";
import { insertEvents } from "../db/events.js";
import type { NewEvent } from "../domain/events.js";
import {
  claimTickets,
  holdIdleGate,
  lockGates,
  lockHeld,
  passGates,
  renewLeases,
  type Hold,
} from "../db/gates.js";
import { lookAt, type TicketLook } from "../db/gate-looks.js";
import {
  finishOperations,
  getByTicket,
  returnOperation,
  type FinishedState,
  type Operation,
  type OperationError,
} from "../db/operations.js";
import { tellFinished } from "../db/words.js";
import { noteWait } from "../db/waits.js";
import { isDatabaseUnavailable, transaction, type Pool, type Tx } from "../db/pool.js";
import { markReleasing } from "../db/resources.js";
import { changeStatuses } from "../db/workspaces.js";
import type { Status } from "../domain/status.js";
import { batched } from "../base/batch.js";
import type { Dispatcher } from "./dispatcher.js";
import { LeaseLostError } from "./verdict.js";

const BATCH = 64;

/** How an operation ends, and what its end changes. */
export interface Finish {
  hold: Hold;
  state: FinishedState;
  error: OperationError | null;
  /** The workspace's new status; null leaves it. A removed workspace stays removed. */
  status: Status | null;
  statusReason: string | null;
  /** Of `offline`: in how many ms the next restart is tried, since this one failed for a cause that may pass. */
  restartInMs?: number;
  /** True if what may run of it is to go. */
  released?: boolean;
  events: NewEvent[];
}

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
  /** Runs statements that count only if the gate is still held. @throws LeaseLostError */
  fenced<T>(hold: Hold, work: (tx: Tx) => Promise<T>): Promise<T>;
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
    (finishes) => transaction(pool, (tx) => finishAll(tx, finishes)),
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
    fenced: (hold, work) => fenced(pool, hold, work),
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

async function fenced<T>(pool: Pool, hold: Hold, work: (tx: Tx) => Promise<T>): Promise<T> {
  return transaction(pool, async (tx) => {
    if (!(await lockHeld(tx, hold))) throw new LeaseLostError("the gate is held by another worker");
    return work(tx);
  });
}

/** One transaction for many ends: each counts only under its own fence. */
async function finishAll(tx: Tx, finishes: Finish[]): Promise<{ held: boolean; next: number | null }[]> {
  const gates = await lockGates(
    tx,
    finishes.map((finish) => finish.hold.workspaceId),
  );
  const fences = new Map(gates.map((gate) => [gate.workspace_id, gate]));
  const held = finishes.filter(({ hold }) => {
    const gate = fences.get(hold.workspaceId);
    return gate !== undefined && gate.fence === hold.fence && gate.owner !== null;
  });
  await finishOperations(
    tx,
    held.map(({ hold, state, error }) => ({ id: hold.operationId, state, error })),
  );
  await changeStatuses(
    tx,
    held.flatMap(({ hold, status, statusReason, restartInMs }) =>
      status === null
        ? []
        : {
            id: hold.workspaceId,
            status,
            reason: statusReason,
            ...(restartInMs === undefined ? {} : { restart_in_ms: restartInMs, tried: true }),
          },
    ),
  );
  // A launch that was given up is to leave nothing running, also where its time ran out before it could stop it.
  await markReleasing(
    tx,
    held.filter(({ released }) => released === true).map(({ hold }) => hold.workspaceId),
    ["instance"],
  );
  await insertEvents(
    tx,
    held.flatMap((finish) => finish.events),
  );
  const passed = await passGates(
    tx,
    held.map(({ hold }) => hold.workspaceId),
  );
  tellFinished(
    tx,
    held.map(({ hold }) => hold.operationId),
  );
  const heads = new Map(passed.map((gate) => [gate.workspace_id, gate]));
  return finishes.map((finish) => {
    const gate = held.includes(finish) ? heads.get(finish.hold.workspaceId) : undefined;
    if (gate === undefined) return { held: false, next: null };
    return { held: true, next: gate.head < gate.tail ? gate.head + 1 : null };
  });
}
