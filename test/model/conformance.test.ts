import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Hold } from "@berth/core/db/gates";
import { isFinished } from "@berth/core/domain/operation";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";
import type { Action } from "./actions.js";
import { steps, type Scope, type Step } from "./protocol.js";
import { RealGate } from "./real-gate.js";
import { RULES } from "./rules.js";
import { GATE } from "./scopes.js";
import { cancel, MAX_ATTEMPTS, mayClaim, mayHoldIdle, request } from "./statements.js";
import { copy, initial, TELL, unfinished, WAKING, type ModelWorker, type State } from "./state.js";

/** Each tells of the gate; the exact one also of each message to the queue. */
const ANY: Scope = { ...GATE, operations: 3 };
const EXACT: Scope = { ...ANY, queue: "exact", faults: { ...GATE.faults, stale: false } };

describe("the model of the gate", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it("does what PostgreSQL does, step by step, on random ways through it", async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 40, maxLength: 80 }),
        async (exact, picks) => {
          const walk = new Walk(new RealGate(database), exact ? EXACT : ANY);
          await walk.begin();
          for (const [pick, probe] of picks) seen.add(await walk.go(pick, probe));
        },
      ),
      { numRuns: 20, endOnFailure: true },
    );
    // Else the ways went nowhere.
    expect(WANTED.filter((name) => !seen.has(name))).toEqual([]);
  });
});

const WANTED: readonly Action["do"][] = ["request", "cancel", "claim", "note step", "succeed", "lease ends"];

const DISTURBS = new Set<Action["do"]>([
  "crash",
  "lose lock",
  "lose message",
  "queue is emptied",
  "clock runs out",
  "processor throws",
  "claim unanswered",
  "notice loss",
  "hold idle",
  "cancel",
  "hand back",
]);

/** The model and the real gate, side by side. */
class Walk {
  private state: State;
  private holds: (Hold | null)[];
  private readonly real: RealGate;
  private readonly scope: Scope;

  constructor(real: RealGate, scope: Scope) {
    this.real = real;
    this.scope = scope;
    this.state = initial(scope.workers, Infinity);
    this.holds = this.state.workers.map(() => null);
  }

  async begin(): Promise<void> {
    await this.real.create();
    expect(this.real.queue.take()).toEqual(["add 1 now"]);
    await this.compare("create");
  }

  /** Takes one of the steps that the model allows, after asking for what it refuses. */
  async go(pick: number, probe: number): Promise<string> {
    await this.refuse(probe);
    const before = this.state;
    const possible = steps(before, this.scope);
    // Each kind of step has the same chance, but that what ends a way early is rare.
    const kinds = [...new Set(possible.map(({ action }) => action.do))];
    const chances = kinds.flatMap((name) => Array.from({ length: DISTURBS.has(name) ? 1 : 4 }, () => name));
    const kind = chances[pick % chances.length]!;
    const isDelete = ({ action }: Step) => action.do === "request" && action.kind === "delete";
    const all = possible.filter(({ action }) => action.do === kind);
    const rest = all.filter((step) => !isDelete(step));
    const alike = rest.length > 0 && probe % 8 !== 0 ? rest : all;
    const { action, next } = alike[probe % alike.length]!;
    expect(next.broken).toBeNull();
    this.state = next;
    await this.perform(action, before);
    const told = this.real.queue.take();
    if (this.scope === EXACT && action.do !== "tell" && action.do !== "sweep")
      this.compareMessages(before, told);
    await this.compare(action.do);
    return action.do;
  }

  private async refuse(probe: number): Promise<void> {
    const { state, real } = this;
    const kind = (["restart", "pause", "resume", "delete"] as const)[probe % 4]!;
    const operation = state.operations[probe % Math.max(state.operations.length, 1)];
    if (!request(copy(state), RULES, kind))
      expect(await real.request(kind), `${kind} is refused`).toBe(false);
    if (!mayHoldIdle(state, RULES)) expect(await real.holdIdle(), "it isn't idle").toBeNull();
    for (const [index, worker] of state.workers.entries()) {
      const hold = this.holds[index] ?? null;
      if (hold !== null && !RULES.mayRenew(state, worker))
        expect(await real.renew(hold), "a lease that is lost isn't renewed").toBeNull();
    }
    if (operation === undefined) return;
    const { ticket } = operation;
    if (!cancel(copy(state), RULES, ticket))
      expect(await real.cancel(ticket), "a cancellation is refused").toBe(false);
    if (!mayClaim(state, RULES, operation))
      expect(await real.claim(ticket), "a claim gets nothing").toBeNull();
  }

  private async perform(action: Action, before: State): Promise<void> {
    const { real } = this;
    if (action.do === "request") return expect(await real.request(action.kind)).toBe(true);
    if (action.do === "cancel") return expect(await real.cancel(action.ticket)).toBe(true);
    if (action.do === "lease ends") return real.endLease();
    if (action.do === "backoff ends") return real.endBackoff(action.ticket);
    if (!("worker" in action)) return;
    const { worker, ticket } = action;
    const was = before.workers[worker]!;
    const is = this.state.workers[worker]!;
    const hold = this.holds[worker]!;
    // Where the queue is any, a worker that holds nothing isn't told from one that has no job.
    const counts = RULES.isHeld(before, was);
    switch (action.do) {
      case "claim":
      case "claim unanswered": {
        const claimed = await real.claim(ticket);
        const wanted = before.operations.find((operation) => operation.ticket === ticket)!;
        expect(claimed !== null).toBe(mayClaim(before, RULES, wanted));
        if (claimed !== null && is.at === "running") expect(claimed.told).toBe(is.told);
        this.holds[worker] = claimed?.hold ?? null;
        break;
      }
      case "note step":
        expect(await real.noteStep(hold)).toBe(counts);
        break;
      case "succeed":
        expect(await real.finish(hold, "succeeded")).toBe(counts);
        break;
      case "succeed unanswered":
        expect(await real.finish(hold, "succeeded")).toBe(true);
        break;
      case "fail":
      case "fail unanswered":
        await this.fail(hold, was, before, action.do === "fail" ? counts : true);
        break;
      case "fail for good":
        expect(await real.finish(hold, "failed")).toBe(counts);
        break;
      case "stop for cancellation":
        expect(await real.finish(hold, "cancelled")).toBe(counts);
        break;
      case "wait":
        expect(await real.wait(hold)).toBe(counts);
        break;
      case "hand back":
        expect(await real.handBack(hold)).toBe(counts);
        break;
      case "renew":
        expect(await real.renew(hold)).toBe(is.told);
        break;
      case "renew late":
        expect(await real.renew(hold)).not.toBeNull();
        break;
      case "look":
        await this.look(ticket, is);
        break;
      case "hold idle":
        this.holds[worker] = await real.holdIdle();
        expect(this.holds[worker]).not.toBeNull();
        break;
      case "restart by itself":
        expect(await real.restartByItself(hold)).toBe(true);
        break;
      case "let go":
        expect(await real.letGo(hold)).toBe(counts);
        break;
      default:
    }
    if (is.at !== "running" && is.at !== "keeping") this.holds[worker] = null;
  }

  private async fail(hold: Hold, was: ModelWorker, before: State, counts: boolean): Promise<void> {
    const { attempt } = before.operations.find(({ ticket }) => ticket === was.ticket)!;
    const last = attempt >= MAX_ATTEMPTS;
    expect(await (last ? this.real.finish(hold, "failed") : this.real.retryLater(hold))).toBe(counts);
  }

  private async look(ticket: number, is: ModelWorker): Promise<void> {
    const look = await this.real.look(ticket);
    const found = look?.finished === true ? "completing" : look?.is_next === true ? "delaying" : "parking";
    expect(found).toBe(is.at);
    // The worker would wake it.
    if (look?.finished === true && look.next_ticket !== null)
      await this.real.queue.promote("", look.next_ticket);
  }

  /** What the model has under way after a step, the real one has told, and nothing else. */
  private compareMessages(before: State, told: string[]): void {
    const bits = (state: State, ticket: number) =>
      state.operations.find((operation) => operation.ticket === ticket)?.telling ?? 0;
    for (const message of told) {
      const [what, ticket, when] = message.split(" ");
      const wanted = what === "wake" ? WAKING : when === "now" ? TELL.addNow : TELL.addParked;
      expect(bits(this.state, Number(ticket)) & wanted, message).not.toBe(0);
    }
    for (const { ticket, telling } of this.state.operations) {
      const added = telling & ~bits(before, ticket);
      if ((added & TELL.wake) !== 0) expect(told).toContain(`wake ${ticket}`);
      if ((added & TELL.addNow) !== 0) expect(told).toContain(`add ${ticket} now`);
      if ((added & TELL.addParked) !== 0) expect(told).toContain(`add ${ticket} parked`);
    }
  }

  private async compare(after: string): Promise<void> {
    const { status, gate, operations, workers } = this.state;
    const [first] = unfinished(this.state);
    const picture = await this.real.picture(
      operations.map(({ ticket }) => ticket),
      this.holds,
    );
    expect(picture, `after ${after}`).toEqual({
      status,
      gate: { tail: gate.tail, head: gate.head, lease: gate.lease },
      holds: workers.map(
        ({ fence }, index) => this.holds[index] !== null && fence === gate.fence && gate.lease !== "none",
      ),
      sweep: first !== undefined && RULES.sweepWakes(this.state, first) ? first.ticket : null,
      operations: operations.map((row) => {
        const { ticket, kind, state, attempt, takeovers, backoff, waiting, cancel: by, begun } = row;
        if (isFinished(state)) return { ticket, kind, state };
        return { ticket, kind, state, attempt, takeovers, backoff, waiting, cancel: by, begun };
      }),
    });
  }
}
