import { randomUUID } from "node:crypto";
import type { Hold } from "@berth/core/db/gates";
import { waitingHeads } from "@berth/core/db/gate-looks";
import { getByTicket } from "@berth/core/db/operations";
import { setPhase } from "@berth/core/db/progress";
import { listOperations } from "@berth/core/db/operation-lists";
import { beginGeneration, getWorkspace, revokeToken } from "@berth/core/db/workspaces";
import { isFinished, OPERATION_KINDS, statusAfter } from "@berth/core/domain/operation";
import { BerthError } from "@berth/core/base/errors";
import { cancelOperation } from "@berth/core/requests/cancel";
import type { DispatchedOperation, Dispatcher } from "@berth/core/gate/dispatcher";
import { cancelled, failed, succeeded } from "@berth/core/gate/endings";
import { createGate } from "@berth/core/gate/gate";
import { LeaseLostError } from "@berth/core/gate/verdict";
import { removeWorkspace } from "@berth/core/requests/delete";
import { createWorkspace } from "@berth/core/requests/create";
import { enqueue } from "@berth/core/requests/enqueue";
import { requestRestart } from "@berth/core/requests/restart";
import { requestPause } from "@berth/core/requests/suspend";
import { requestResume } from "@berth/core/requests/resume";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import type { TestDatabase } from "../support/postgres.js";
import type { Request } from "./statements.js";
import { MAX_ATTEMPTS, MAX_TAKEOVERS } from "./statements.js";

const LONG_MS = 3_600_000;
const ERROR = { code: "backend_failed", message: "it failed", provider_code: null };

/** What was told to the queue, which is out of order here: the model has its own. */
class NotedQueue implements Dispatcher {
  private told = new Set<string>();

  async add({ ticket }: DispatchedOperation, when: "now" | "parked"): Promise<void> {
    this.told.add(`add ${ticket} ${when}`);
  }
  async promote(_: string, ticket: number): Promise<boolean> {
    this.told.add(`wake ${ticket}`);
    return true;
  }
  async wake({ ticket }: DispatchedOperation): Promise<boolean> {
    this.told.add(`wake ${ticket}`);
    return true;
  }
  take(): string[] {
    const told = [...this.told].toSorted();
    this.told.clear();
    return told;
  }
}

/** The real gate of one workspace in PostgreSQL, moved step by step as the model is. */
export class RealGate {
  readonly queue = new NotedQueue();
  private readonly database: TestDatabase;
  private readonly gate;
  private readonly context;
  private id = "";

  constructor(database: TestDatabase) {
    this.database = database;
    const { pool } = database;
    this.gate = createGate({ pool, dispatcher: this.queue, owner: "model", leaseMs: LONG_MS });
    this.context = { pool, dispatcher: this.queue, maxAttempts: MAX_ATTEMPTS };
  }

  async create(): Promise<void> {
    const { pool } = this.database;
    this.id = (await createWorkspace(this.context, newWorkspace(), BY_TEST)).workspace.id;
    // Its volume: what a delete that failed still owes.
    await pool.query(
      `insert into resources (id, workspace_id, kind, backend, name, client_token, provider_id, generation, state)
       values ($1, $2, 'volume', 'process', 'v', 't', 'v', 1, 'present')`,
      [randomUUID(), this.id],
    );
  }

  /** True if it was accepted. */
  async request(kind: Request): Promise<boolean> {
    const { context, id } = this;
    const ask = {
      restart: () => requestRestart(context, id, BY_TEST),
      pause: () => requestPause(context, id, BY_TEST),
      resume: () => requestResume(context, id, BY_TEST),
      delete: () => removeWorkspace(context, id, { cascade: false, ...BY_TEST }),
    };
    return accepted(ask[kind]());
  }

  async cancel(ticket: number): Promise<boolean> {
    const operation = await this.operation(ticket);
    return accepted(cancelOperation(this.context, operation.id, BY_TEST));
  }

  async claim(ticket: number): Promise<{ hold: Hold; told: boolean } | null> {
    const claimed = await this.gate.claim(this.id, ticket);
    return claimed === null
      ? null
      : { hold: claimed.hold, told: claimed.operation.cancel_requested_at !== null };
  }

  /** As the runner and its first step do. False if the gate is no longer held. */
  async noteStep(hold: Hold): Promise<boolean> {
    if (!(await setPhase(this.database.pool, hold, "prepare"))) return false;
    const { kind } = await this.operation(hold.ticket);
    const { generation } = (await getWorkspace(this.database.pool, this.id))!;
    if (LAUNCHES.has(kind))
      await this.gate.fenced(hold, (tx) =>
        beginGeneration(tx, this.id, generation + 1, Buffer.alloc(32), null),
      );
    if (kind === "pause") await this.gate.fenced(hold, (tx) => revokeToken(tx, this.id));
    return true;
  }

  /** False if the gate is no longer held. */
  async finish(hold: Hold, how: "succeeded" | "failed" | "cancelled"): Promise<boolean> {
    const operation = await this.operation(hold.ticket);
    const workspace = (await getWorkspace(this.database.pool, this.id))!;
    const endings = {
      succeeded: () => succeeded(operation, workspace),
      failed: () =>
        failed(operation, workspace, {
          phase: "launch",
          error: ERROR,
          owed: [],
          passing: false,
          kept: false,
          restartInMs: 0,
        }),
      cancelled: () => cancelled(operation, operation.cancel_requested_by),
    };
    return held(async () => {
      if (operation.kind === "delete" && how === "succeeded")
        await this.gate.fenced(hold, (tx) =>
          tx.query("update resources set state = 'gone', gone_at = now() where workspace_id = $1", [this.id]),
        );
      await this.gate.finish({ hold, ...endings[how]() });
    });
  }

  retryLater(hold: Hold): Promise<boolean> {
    return held(() => this.gate.retryLater(hold, ERROR, LONG_MS));
  }
  wait(hold: Hold): Promise<boolean> {
    return held(() => this.gate.wait(hold, { waitsFor: "stop", delayMs: LONG_MS }));
  }
  handBack(hold: Hold): Promise<boolean> {
    return held(() => this.gate.handBack(hold));
  }
  /** Null if the gate is no longer held; else whether the operation is to be cancelled. */
  async renew(hold: Hold): Promise<boolean | null> {
    return (await this.gate.renew([hold]))[0]?.cancel_requested ?? null;
  }
  async holdIdle(): Promise<Hold | null> {
    return (await this.gate.holdIdle(this.id))?.hold ?? null;
  }
  letGo(hold: Hold): Promise<boolean> {
    return held(() => this.gate.letGo(hold));
  }
  restartByItself(hold: Hold): Promise<boolean> {
    return held(() => this.gate.fenced(hold, (tx) => enqueue(tx, this.context, this.id, "restart", BY_TEST)));
  }
  look(ticket: number) {
    return this.gate.look(this.id, ticket);
  }
  async endLease(): Promise<void> {
    await this.database.pool.query(
      "update gates set lease_until = clock_timestamp() - interval '1 s' where workspace_id = $1",
      [this.id],
    );
  }
  async endBackoff(ticket: number): Promise<void> {
    await this.database.pool.query(
      "update operations set next_attempt_at = clock_timestamp() - interval '1 s' where workspace_id = $1 and ticket = $2",
      [this.id, ticket],
    );
  }

  /** In the model's words. */
  async picture(tickets: readonly number[], holds: readonly (Hold | null)[]) {
    const { pool } = this.database;
    const { rows } = await pool.query<{ tail: number; head: number; fence: number; lease: string }>(
      `select tail, head, fence, case when lease_until is null then 'none'
         when lease_until > clock_timestamp() then 'alive' else 'over' end as lease
       from gates where workspace_id = $1`,
      [this.id],
    );
    const { fence, ...gate } = rows[0]!;
    const all = await listOperations(pool, { workspaceId: this.id, limit: 1_000 });
    const heads = await waitingHeads(pool, "00000000-0000-0000-0000-000000000000", 100);
    const head = heads.find((one) => one.workspace_id === this.id && (one.backoff_for_ms ?? 0) <= 0);
    return {
      status: (await getWorkspace(pool, this.id))!.status,
      gate,
      holds: holds.map((hold) => hold !== null && hold.fence === fence && gate.lease !== "none"),
      sweep: head?.ticket ?? null,
      operations: tickets.map((ticket) => {
        const row = all.find((one) => one.ticket === ticket)!;
        if (isFinished(row.state)) return { ticket, kind: row.kind, state: row.state };
        return {
          ticket,
          kind: row.kind,
          state: row.state,
          attempt: row.attempt,
          takeovers: Math.min(row.takeovers, MAX_TAKEOVERS + 1),
          backoff: row.next_attempt_at !== null && row.next_attempt_at.getTime() > Date.now(),
          waiting: row.waiting_since !== null,
          cancel:
            row.cancel_requested_at === null
              ? "nobody"
              : row.cancel_requested_by === null
                ? "delete"
                : "user",
          begun: row.phase !== null,
        };
      }),
    };
  }

  private async operation(ticket: number) {
    return (await getByTicket(this.database.pool, this.id, ticket))!;
  }
}

const LAUNCHES = new Set(OPERATION_KINDS.filter((kind) => statusAfter(kind) === "online"));

async function accepted(answer: Promise<unknown>): Promise<boolean> {
  return answer.then(
    () => true,
    (error: unknown) => {
      if (error instanceof BerthError) return false;
      throw error;
    },
  );
}

async function held(work: () => Promise<unknown>): Promise<boolean> {
  return work().then(
    () => true,
    (error: unknown) => {
      if (error instanceof LeaseLostError) return false;
      throw error;
    },
  );
}
