import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Operation } from "@berth/core/db/operations";
import { listOperations } from "@berth/core/db/operation-lists";
import type { Hold } from "@berth/core/db/gates";
import { isFinished } from "@berth/core/domain/operation";
import type { DispatchedOperation, Dispatcher } from "@berth/core/gate/dispatcher";
import { cancelled, succeeded } from "@berth/core/gate/endings";
import { createGate, type Gate } from "@berth/core/gate/gate";
import { LeaseLostError } from "@berth/core/gate/verdict";
import { removeWorkspace } from "@berth/core/requests/delete";
import { cancelOperation } from "@berth/core/requests/cancel";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import type { RequestContext } from "@berth/core/requests/accept";
import { dispatch } from "@berth/core/sweeps/dispatch";
import type { Plan, SweepDeps } from "@berth/core/sweeps/sweep";
import { BerthError } from "@berth/core/base/errors";
import { beginGeneration, getWorkspace } from "@berth/core/db/workspaces";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";

const WORKERS = ["a", "b", "c"] as const;
type WorkerName = (typeof WORKERS)[number];

/** The queue as the worst that could carry the gate's work: it may lose any job or wake-up, at any time. */
class LossyTransport implements Dispatcher {
  jobs = new Map<
    string,
    { operation: Pick<DispatchedOperation, "workspace_id" | "ticket">; parked: boolean }
  >();
  loses = false;

  async add(operation: DispatchedOperation, when: "now" | "parked"): Promise<void> {
    if (this.loses) throw new Error("the queue is down");
    const key = `${operation.workspace_id}/${operation.ticket}`;
    if (!this.jobs.has(key)) this.jobs.set(key, { operation, parked: when === "parked" });
  }
  async promote(workspaceId: string, ticket: number): Promise<boolean> {
    const job = this.jobs.get(`${workspaceId}/${ticket}`);
    if (this.loses || job?.parked !== true) return false;
    job.parked = false;
    return true;
  }
  async wake(operation: DispatchedOperation): Promise<boolean> {
    const promoted = await this.promote(operation.workspace_id, operation.ticket);
    if (!promoted) await this.add(operation, "now");
    return promoted;
  }
  ready() {
    return [...this.jobs.values()].filter((job) => !job.parked).map((job) => job.operation);
  }
  take(operation: { workspace_id: string; ticket: number }): void {
    this.jobs.delete(`${operation.workspace_id}/${operation.ticket}`);
  }
}

interface Held {
  worker: WorkerName;
  operation: Operation;
  hold: Hold;
}

/** One run of the gate with three workers and what is known of it from outside. */
class World {
  transport = new LossyTransport();
  workspaces: string[] = [];
  /** What living workers believe that they hold, and what crashed or stopped ones still believe. */
  held: Held[] = [];
  zombies: Held[] = [];
  /** Ticket by ticket, as each workspace's operations were first begun. */
  begun = new Map<string, number[]>();
  readonly context: RequestContext;
  readonly gates: Record<WorkerName, Gate>;
  readonly database: TestDatabase;

  constructor(database: TestDatabase) {
    this.database = database;
    this.context = { pool: database.pool, dispatcher: this.transport, maxAttempts: 3 };
    const gate = (owner: string) =>
      createGate({ pool: database.pool, dispatcher: this.transport, owner, leaseMs: 60_000 });
    this.gates = { a: gate("a"), b: gate("b"), c: gate("c") };
  }

  async claim(worker: WorkerName, pick: number): Promise<void> {
    const ready = this.transport.ready();
    const job = ready[pick % Math.max(ready.length, 1)];
    if (job === undefined) return;
    const claimed = await this.gates[worker].claim(job.workspace_id, job.ticket);
    if (claimed === null) {
      // As a job does that finds that it must wait: it is parked, or gone if its operation has ended.
      const look = await this.gates[worker].look(job.workspace_id, job.ticket);
      this.transport.take(job);
      if (look?.finished === true && look.next_ticket !== null)
        await this.gates[worker].wake(job.workspace_id, look.next_ticket, look.place).catch(() => undefined);
      return;
    }
    this.transport.take(job);
    const others = this.held.filter((one) => one.hold.workspaceId === job.workspace_id);
    expect(others, "I1: two workers hold one workspace").toEqual([]);
    const begun = this.begun.get(job.workspace_id) ?? [];
    if (begun.at(-1) !== job.ticket) {
      expect(job.ticket, "I2: operations begin in the order accepted").toBeGreaterThan(begun.at(-1) ?? 0);
      begun.push(job.ticket);
    }
    this.begun.set(job.workspace_id, begun);
    this.held.push({ worker, ...claimed });
  }

  async end(pick: number, how: "finish" | "retry" | "hand_back" | "cancel"): Promise<void> {
    const held = this.held[pick % Math.max(this.held.length, 1)];
    if (held === undefined) return;
    this.held = this.held.filter((one) => one !== held);
    await this.record(held, how);
    // BullMQ keeps a job that is delayed for its next attempt, or drops one that ended.
    const operation = (
      await listOperations(this.database.pool, { workspaceId: held.hold.workspaceId, limit: 100 })
    ).find((one) => one.id === held.operation.id)!;
    if (!isFinished(operation.state)) await this.transport.add(operation, "now").catch(() => undefined);
  }

  async record(
    { worker, operation, hold }: Held,
    how: "finish" | "retry" | "hand_back" | "cancel",
  ): Promise<void> {
    const gate = this.gates[worker];
    const error = { code: "internal", message: "failed on purpose", provider_code: null };
    if (how === "retry") return gate.retryLater(hold, error, 0);
    if (how === "hand_back") return gate.handBack(hold);
    const workspace = (await getWorkspace(this.database.pool, hold.workspaceId))!;
    // As the first step of a launch does: what was cancelled before may have left the workspace failed.
    if (how === "finish" && operation.kind !== "delete")
      await gate.fenced(hold, (tx) =>
        beginGeneration(tx, workspace.id, workspace.generation + 1, Buffer.alloc(32), null),
      );
    await gate.finish({
      hold,
      ...(how === "cancel" ? cancelled(operation, "test") : succeeded(operation, workspace)),
    });
  }

  /** What waits ends at once; what runs, when its worker next looks. */
  async cancel(pick: number): Promise<void> {
    const { rows } = await this.database.pool.query<{ id: string }>(
      "select id from operations where state in ('queued', 'running') order by workspace_id, ticket",
    );
    const one = rows[pick % Math.max(rows.length, 1)];
    if (one === undefined) return;
    const operation = await cancelOperation(this.context, one.id, BY_TEST).catch((error: unknown) => {
      expect(error).toMatchObject({ code: "not_cancellable" });
      return null;
    });
    if (operation === null) return;
    expect(operation.state === "cancelled" || operation.cancel_requested_at !== null).toBe(true);
    const begun = this.begun.get(operation.workspace_id) ?? [];
    expect(operation.state === "cancelled", "what has begun isn't ended under its worker").toBe(
      !begun.includes(operation.ticket),
    );
  }

  /** The worker ends or stops: its leases run out, and what it held it may yet try to record. */
  async crash(worker: WorkerName): Promise<void> {
    const dead = this.held.filter((one) => one.worker === worker);
    this.held = this.held.filter((one) => one.worker !== worker);
    this.zombies.push(...dead);
    // BullMQ's stalled check puts such jobs back.
    for (const { operation } of dead) await this.transport.add(operation, "now").catch(() => undefined);
    await this.database.pool.query(
      "update gates set lease_until = clock_timestamp() - interval '1 second' where owner = $1 and workspace_id = any ($2)",
      [worker, this.workspaces],
    );
  }

  /** A stopped worker wakes: it may record only where nobody has gone on without it (I9). */
  async zombie(pick: number): Promise<void> {
    const zombie = this.zombies[pick % Math.max(this.zombies.length, 1)];
    if (zombie === undefined) return;
    this.zombies = this.zombies.filter((one) => one !== zombie);
    const before = await this.snapshot(zombie.hold.workspaceId);
    const { rows } = await this.database.pool.query<{ fence: number }>(
      "select fence from gates where workspace_id = $1",
      [zombie.hold.workspaceId],
    );
    const passed = rows[0]!.fence !== zombie.hold.fence;
    const recorded = await this.record(zombie, "finish").then(
      () => true,
      (error: unknown) => {
        expect(error).toBeInstanceOf(LeaseLostError);
        return false;
      },
    );
    expect(recorded, "I9: a worker whose gate was passed on records nothing").toBe(!passed);
    if (!recorded) expect(await this.snapshot(zombie.hold.workspaceId)).toEqual(before);
  }

  async snapshot(workspaceId: string): Promise<unknown> {
    const { rows } = await this.database.pool.query(
      `select to_jsonb(w) as w, to_jsonb(g) as g, (select jsonb_agg(to_jsonb(o) order by ticket) from operations o
         where o.workspace_id = w.id) as o,
       (select count(*) from structure_events e where e.workspace_id = w.id) as e
       from workspaces w join gates g on g.workspace_id = w.id where w.id = $1`,
      [workspaceId],
    );
    return rows[0];
  }

  async sweep(): Promise<void> {
    let cursor: string | null = null;
    do {
      const deps = { pool: this.database.pool, dispatcher: this.transport } as unknown as SweepDeps;
      const plan: Plan = await dispatch.plan(deps, cursor, null);
      for (const action of plan.actions)
        await action.run(new AbortController().signal).catch(() => undefined);
      cursor = plan.cursor ?? null;
    } while (cursor !== null);
  }

  /** From here on nothing goes wrong any more: everything must end (I7). */
  async settle(): Promise<void> {
    this.transport.loses = false;
    for (const worker of WORKERS) await this.crash(worker);
    for (let round = 0; round < 200; round++) {
      await this.sweep();
      if (this.transport.ready().length === 0) break;
      for (let n = this.transport.ready().length; n > 0; n--) {
        await this.claim("a", 0);
        await this.end(0, "finish");
      }
    }
    for (const workspaceId of this.workspaces) {
      const operations = await listOperations(this.database.pool, { workspaceId, limit: 1000 });
      const open = operations.filter((one) => !isFinished(one.state));
      expect(open, "I7: every operation ends").toEqual([]);
    }
    while (this.zombies.length > 0) await this.zombie(0);
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("restart" as const), pick: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remove" as const), pick: fc.nat(2) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("claim" as const),
      worker: fc.constantFrom(...WORKERS),
      pick: fc.nat(9),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      pick: fc.nat(9),
      how: fc.constantFrom("finish", "finish", "retry", "hand_back", "cancel"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("crash" as const), worker: fc.constantFrom(...WORKERS) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("zombie" as const), pick: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("abort" as const), pick: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("flush" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("lose" as const), loses: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("sweep" as const) }) },
);

describe("the gate under any interleaving of requests, claims, ends, crashes and losses", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it("never overlaps (I1), keeps the order (I2), lets no late worker record (I9), and ends everything (I6, I7)", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        // The sweep looks at the whole database: each run has it to itself.
        await database.pool.query("truncate workspaces, structure_events cascade");
        const world = new World(database);
        for (let n = 0; n < 3; n++)
          world.workspaces.push((await createWorkspace(world.context, newWorkspace(), BY_TEST)).workspace.id);
        for (const one of steps) {
          if (one.do === "restart" || one.do === "remove") {
            const id = world.workspaces[one.pick]!;
            const request =
              one.do === "restart"
                ? requestRestart(world.context, id, BY_TEST)
                : removeWorkspace(world.context, id, { cascade: false, ...BY_TEST });
            await request.catch((error: unknown) => expect(error).toBeInstanceOf(BerthError));
          } else if (one.do === "claim") await world.claim(one.worker, one.pick);
          else if (one.do === "end") await world.end(one.pick, one.how);
          else if (one.do === "crash") await world.crash(one.worker);
          else if (one.do === "zombie") await world.zombie(one.pick);
          else if (one.do === "abort") await world.cancel(one.pick);
          else if (one.do === "flush") world.transport.jobs.clear();
          else if (one.do === "lose") world.transport.loses = one.loses;
          else if (!world.transport.loses) await world.sweep();
        }
        await world.settle();
      }),
      { numRuns: 60, endOnFailure: false },
    );
  });
});
