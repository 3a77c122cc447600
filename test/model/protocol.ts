import { isFinished } from "@berth/core/domain/operation";
import type { Action, WorkerAction } from "./actions.js";
import type { Rules } from "./rules.js";
import {
  breaks,
  cancel,
  claim,
  enqueue,
  finish,
  giveBack,
  holdIdle,
  mayClaim,
  mayHoldIdle,
  holds,
  MAX_ATTEMPTS,
  MAX_TAKEOVERS,
  noteStep,
  pass,
  recorded,
  request,
  wake,
  type Request,
} from "./statements.js";
import {
  copy,
  forget,
  idle,
  operationOf,
  TELL,
  unfinished,
  WAKING,
  type Job,
  type ModelOperation,
  type ModelWorker,
  type State,
} from "./state.js";

/** What may happen, and how much of it at once. */
export interface Scope {
  rules: Rules;
  workers: number;
  /** How many operations may be ahead of each other at once; any number may come after them. */
  operations: number;
  requests: readonly Request[];
  cancels: boolean;
  /** Sweeps that hold an idle gate. */
  keepers: boolean;
  /** `exact`: as BullMQ is told and answers. `any`: the worst that could be: any worker tries any ticket at any time. */
  queue: "exact" | "any";
  faults: Faults;
  /** How many things may go wrong on one way; Infinity for any number. */
  faultsAtMost: number;
  /** The sweep `dispatch`, and that each parking ends in time: without both, only a wake-up lets the next one in. */
  mends: boolean;
}

export interface Faults {
  /** A process ends, at any point. */
  crash: boolean;
  /** A process stops for a while: its lease runs out, its job's lock goes, its renewal comes late. */
  freeze: boolean;
  /** The queue loses all, or single messages. */
  loss: boolean;
  /** The queue comes back with what it knew of a job earlier. */
  stale: boolean;
  /** A commit's answer is lost; a processor throws. */
  database: boolean;
  /** The provider fails. */
  provider: boolean;
}

export interface Step {
  action: Action;
  next: State;
  /**
   * Whom a fair scheduler can't pass over for ever: the same for all that one party may do next. Null for what
   * needn't happen: a fault, or one of {@link CHOICES}.
   */
  fair: string | null;
}

/** Who waits for a turn that a queue gives in order: it comes, however busy the workers are in between. */
export function waiting(state: State): string[] {
  return state.operations.flatMap(({ job }, index) => (job === "ready" ? [`take ${index}`] : []));
}

/** What may happen and needn't, and is no fault. */
const CHOICES = new Set<Action["do"]>(["request", "cancel", "hold idle", "restart by itself", "park ends"]);

/** All that may happen next. */
export function steps(state: State, scope: Scope): Step[] {
  const found: Step[] = [];
  const add: Add = (action, fair, change) => {
    const next = copy(state);
    if (change(next) === false) return;
    if (fair === null && !CHOICES.has(action.do) && --next.faultsLeft < 0) return;
    if (scope.queue === "any") withoutQueue(next);
    forget(next);
    judge(next);
    found.push({ action, next, fair });
  };
  requests(state, scope, add);
  messages(state, scope, add);
  for (const [index, worker] of state.workers.entries()) workerSteps(state, scope, index, worker, add);
  time(state, scope, add);
  return found;
}

/** Operations ahead; with an exact queue those too that it still has a job of. */
function known({ gate, operations }: State, { queue }: Scope): number {
  return queue === "any" ? gate.tail - gate.head : operations.length;
}

/** Where any worker may try any ticket at any time, nobody needs to be told of anything. */
function withoutQueue(state: State): void {
  for (const operation of state.operations) Object.assign(operation, { job: "none", telling: 0 });
  for (const worker of state.workers) if (!holds(worker)) idle(worker);
}

type Add = (action: Action, fair: string | null, change: (next: State) => boolean | void) => void;

function requests(state: State, scope: Scope, add: Add): void {
  const { rules } = scope;
  for (const kind of scope.requests)
    add({ do: "request", kind }, null, (next) => {
      const accepted = request(next, rules, kind);
      return accepted && known(next, scope) <= scope.operations;
    });
  if (scope.cancels)
    for (const { ticket } of unfinished(state))
      add({ do: "cancel", ticket }, null, (next) => cancel(next, rules, ticket));
}

/** What is under way to the queue, command by command; each may be lost, with the process that was to send it. */
function messages(state: State, scope: Scope, add: Add): void {
  for (const [index, { ticket, telling }] of state.operations.entries())
    for (const bit of Object.values(TELL)) {
      if ((telling & bit) === 0) continue;
      add({ do: "tell", ticket, bit }, `tell ${bit} ${index}`, (next) => {
        const operation = operationOf(next, ticket)!;
        operation.telling &= ~bit;
        tell(operation, bit, scope.rules);
      });
      if (scope.faults.loss)
        add({ do: "lose message", ticket, bit }, null, (next) => {
          operationOf(next, ticket)!.telling &= ~bit;
        });
    }
  if (!scope.mends || scope.queue === "any") return;
  const [first] = unfinished(state);
  if (first !== undefined && (first.telling & WAKING) === 0 && scope.rules.sweepWakes(state, first))
    add({ do: "sweep", ticket: first.ticket }, "sweep", (next) => wake(operationOf(next, first.ticket)!));
}

/** One message of the dispatcher, as `queues/dispatcher.ts` has it. */
function tell(operation: ModelOperation, bit: number, rules: Rules): void {
  const { job } = operation;
  const delayed = job === "parked" || job === "delayed";
  if (bit === TELL.wake) {
    if (delayed) operation.job = "ready";
    else if (job === "none") operation.telling |= TELL.wakeAdd;
    else if (job === "done" && rules.wakeReplaces) operation.telling |= TELL.wakeReplace;
    else operation.telling |= TELL.wakeAgain;
    return;
  }
  if (bit === TELL.addNow || bit === TELL.addParked) {
    // A job of a known id isn't added twice, not even a finished one.
    if (job === "none") operation.job = bit === TELL.addParked ? "parked" : "ready";
    return;
  }
  if (delayed && rules.wakePromotesAgain) operation.job = "ready";
  if (job === "none" && bit !== TELL.wakeAgain) operation.job = "ready";
  if (job === "done" && bit === TELL.wakeReplace) operation.job = "ready";
}

function workerSteps(state: State, scope: Scope, index: number, worker: ModelWorker, add: Add): void {
  const { rules, faults } = scope;
  const { ticket, at, step } = worker;
  // By its place, since a ticket's number differs between states that behave alike.
  const party = `${at} ${step} ${state.operations.findIndex((one) => one.ticket === ticket)}`;
  const can = (
    name: WorkerAction,
    fair: string | null,
    change: (next: State, me: ModelWorker) => boolean | void,
    of = ticket,
  ): void => add({ do: name, worker: index, ticket: of }, fair, (next) => change(next, next.workers[index]!));

  if (at === "idle") {
    for (const [place, operation] of state.operations.entries()) {
      const { ticket: other, job } = operation;
      if (scope.queue === "any") {
        if (!mayClaim(state, rules, operation)) continue;
        can(
          "claim",
          "claim",
          (next, me) => {
            me.ticket = other;
            claim(next, rules, me);
            me.at = "running";
          },
          other,
        );
      } else if (job === "ready")
        can(
          "take",
          `take ${place}`,
          (next, me) => {
            operationOf(next, other)!.job = "active";
            Object.assign(me, { at: "claiming", ticket: other, lock: true });
          },
          other,
        );
    }
    if (scope.keepers && mayHoldIdle(state, rules))
      can("hold idle", null, (next, me) => {
        holdIdle(next, rules, me);
        me.at = "keeping";
      });
    return;
  }

  if (faults.crash) can("crash", null, (_, me) => idle(me));
  if (faults.freeze && worker.lock)
    can("lose lock", null, (next, me) => {
      me.lock = false;
      operationOf(next, ticket)!.job = "ready";
    });
  if (faults.freeze && worker.fresh)
    can("clock runs out", null, (_, me) => {
      me.fresh = false;
    });

  switch (at) {
    case "claiming":
      can("claim", party, (next, me) => {
        if (claim(next, rules, me)) me.at = "running";
        else go(me, "looking");
      });
      if (faults.database) {
        can("claim unanswered", null, (next, me) => {
          if (!claim(next, rules, me)) return false;
          go(me, "delaying");
        });
        can("processor throws", null, (_, me) => go(me, "retrying"));
      }
      return;
    case "running":
      running(state, scope, worker, party, can);
      return;
    case "looking":
      can("look", party, (next, me) => {
        const operation = operationOf(next, ticket)!;
        const following = operationOf(next, next.gate.head + 1);
        if (isFinished(operation.state)) {
          if (following !== undefined) wake(following);
          go(me, "completing");
        } else go(me, rules.isNext(next, operation) ? "delaying" : "parking");
      });
      if (faults.database) can("processor throws", null, (_, me) => go(me, "completing"));
      return;
    case "delaying":
      can("delay job", party, (next, me) => {
        moveJob(next, me, "delayed");
        idle(me);
      });
      return;
    case "parking":
      can("park job", party, (next, me) => {
        if (moveJob(next, me, "parked") && rules.looksAgain) go(me, "looking again");
        else idle(me);
      });
      return;
    case "looking again":
      can("look again", party, (next, me) => {
        const operation = operationOf(next, ticket)!;
        const isNext = !isFinished(operation.state) && rules.isNext(next, operation);
        if (isNext && (operation.job === "parked" || operation.job === "delayed")) operation.job = "ready";
        idle(me);
      });
      return;
    case "completing":
      can("complete job", party, (next, me) => {
        moveJob(next, me, "done");
        idle(me);
      });
      return;
    case "retrying":
      can("retry job", party, (next, me) => {
        moveJob(next, me, "delayed");
        idle(me);
      });
      return;
    case "keeping":
      keeping(state, scope, worker, party, can);
  }
}

type Can = (
  name: WorkerAction,
  fair: string | null,
  change: (next: State, me: ModelWorker) => boolean | void,
) => void;

function running(state: State, scope: Scope, worker: ModelWorker, party: string, can: Can): void {
  const { rules, faults } = scope;
  const { ticket, step } = worker;
  const operation = operationOf(state, ticket)!;
  const ends = (how: "succeeded" | "failed" | "cancelled") => (next: State, me: ModelWorker) =>
    go(me, finish(next, rules, me, how) ? "completing" : "looking");
  const failsNow = (next: State, me: ModelWorker) => {
    if (operation.attempt >= MAX_ATTEMPTS) ends("failed")(next, me);
    else go(me, giveBack(next, rules, me, "retry") ? "retrying" : "looking");
  };
  // The commit may have come through; the hand-back that follows then finds that nothing is held.
  const unanswered = (change: typeof failsNow) => (next: State, me: ModelWorker) => {
    change(next, me);
    if (me.at === "looking") return false;
    go(me, "looking");
  };

  if (worker.fresh && !worker.told && operation.cancel !== "nobody")
    can("renew", `renew ${party}`, (next, me) => renew(next, rules, me));
  if (faults.freeze && !worker.fresh && state.gate.lease === "over")
    can("renew late", null, (next, me) => {
      if (!rules.mayRenew(next, me)) return false;
      next.gate.lease = "alive";
      // Without the fence its holder hears that the lease is its own.
      me.fresh = me.superseded;
    });
  if (faults.freeze)
    can("hand back", null, (next, me) =>
      go(me, giveBack(next, rules, me, "hand back") ? "delaying" : "looking"),
    );

  if (step === 0) {
    if (worker.told) can("stop for cancellation", party, ends("cancelled"));
    else if (operation.takeovers > MAX_TAKEOVERS) can("fail for good", party, ends("failed"));
    else
      can("note step", party, (next, me) => {
        if (!rules.isHeld(next, me)) return go(me, "looking");
        noteStep(next, me);
        me.step = 1;
      });
  } else if (step === 1) {
    if (!worker.fresh && rules.looksAtClock) can("notice loss", party, (_, me) => go(me, "looking"));
    else if (worker.told) can("stop for cancellation", party, ends("cancelled"));
    else
      can("ask provider", party, (next, me) => {
        if (me.superseded)
          breaks(next, "I1: a worker asks the provider for something after another had the gate");
        me.step = 2;
      });
  } else {
    can("succeed", party, ends("succeeded"));
    if (faults.provider) {
      can("fail", party, failsNow);
      if (operation.attempt < MAX_ATTEMPTS) can("fail for good", party, ends("failed"));
      // However long it takes: a limit of its own makes a failure of it.
      can("wait", null, (next, me) => go(me, giveBack(next, rules, me, "wait") ? "delaying" : "looking"));
    }
    if (worker.told) can("stop for cancellation", party, ends("cancelled"));
    if (!worker.fresh) can("notice loss", party, (_, me) => go(me, "looking"));
    if (faults.database) {
      can("succeed unanswered", null, unanswered(ends("succeeded")));
      if (faults.provider) can("fail unanswered", null, unanswered(failsNow));
    }
  }
}

function renew(next: State, rules: Rules, me: ModelWorker): void {
  if (!rules.mayRenew(next, me)) return go(me, "looking");
  me.told = operationOf(next, me.ticket)!.cancel !== "nobody";
}

/** A sweep's work on a workspace that has nothing to do: `sweeps/heal.ts`, and what is still to be released. */
function keeping(state: State, scope: Scope, worker: ModelWorker, party: string, can: Can): void {
  const { rules } = scope;
  can("let go", party, (next, me) => {
    if (rules.isHeld(next, me)) {
      recorded(next, me);
      pass(next, rules);
      const following = operationOf(next, next.gate.head + 1);
      if (rules.letGoWakes && following !== undefined) wake(following);
    }
    idle(me);
  });
  if (worker.step === 0 && (worker.fresh || !rules.looksAtClock)) {
    can("act", party, (next, me) => {
      if (me.superseded)
        breaks(next, "I1: a sweep asks the provider for something after another had the gate");
      me.step = 2;
    });
    if (scope.requests.includes("restart") && known(state, scope) < scope.operations)
      can("restart by itself", null, (next, me) => {
        if (next.status !== "online" || unfinished(next).length > 0 || !rules.isHeld(next, me)) return false;
        recorded(next, me);
        // Its job is made when the gate is let go.
        enqueue(next, rules, "restart").telling = 0;
        me.step = 2;
      });
  }
}

/** Leaves what it held. */
function go(me: ModelWorker, at: ModelWorker["at"]): void {
  Object.assign(me, { at, fence: 0, step: 0, fresh: false, told: false, superseded: false });
}

/** Only who has the lock can move a job. */
function moveJob(next: State, me: ModelWorker, to: Job): boolean {
  const { lock } = me;
  if (lock) operationOf(next, me.ticket)!.job = to;
  me.lock = false;
  return lock;
}

function time(state: State, scope: Scope, add: Add): void {
  const { faults, rules } = scope;
  const { gate } = state;
  // A worker's own clock gives its lease up no later than the database does.
  const believed = state.workers.some((me) => holds(me) && me.fresh && me.fence === gate.fence);
  if (gate.lease === "alive" && (!believed || !rules.countsFromBefore))
    add({ do: "lease ends" }, "lease", (next) => {
      next.gate.lease = "over";
    });
  for (const [index, { ticket, job, backoff }] of state.operations.entries()) {
    if (backoff)
      add({ do: "backoff ends", ticket }, `backoff ${index}`, (next) => {
        operationOf(next, ticket)!.backoff = false;
      });
    const becomesReady = (next: State) => {
      operationOf(next, ticket)!.job = "ready";
    };
    if (job === "delayed") add({ do: "delay ends", ticket }, `delay ${index}`, becomesReady);
    if (job === "parked")
      add({ do: "park ends", ticket }, scope.mends ? `park ${index}` : null, becomesReady);
    if (job === "active" && !state.workers.some((me) => me.lock && me.ticket === ticket))
      add({ do: "job stalls", ticket }, `stall ${index}`, becomesReady);
    if (faults.stale && scope.queue === "exact")
      for (const to of ["none", "ready", "parked", "done"] as const)
        if (job !== to)
          add({ do: "queue goes back", ticket, to }, null, (next) => {
            operationOf(next, ticket)!.job = to;
            for (const me of next.workers) if (me.ticket === ticket) me.lock = false;
          });
  }
  if (faults.loss && scope.queue === "exact" && state.operations.some(({ job }) => job !== "none"))
    add({ do: "queue is emptied" }, null, (next) => {
      for (const operation of next.operations) operation.job = "none";
      for (const me of next.workers) me.lock = false;
    });
}

/** The properties that each state must have; what an action alone can break is noted where it happens. */
function judge(state: State): void {
  const open = unfinished(state);
  const runs = open.filter((operation) => operation.state === "running");
  if (runs.length > 1) breaks(state, "I1: two operations of the workspace run");
  if (runs[0] !== undefined && runs[0] !== open[0])
    breaks(state, "I2: an operation runs before one that was accepted earlier has ended");
  if (state.workers.filter((me) => holds(me) && me.fresh).length > 1)
    breaks(state, "I1: two workers believe that they hold the gate");
  if (runs.some((operation) => operation.attempt > MAX_ATTEMPTS))
    breaks(state, "I7: an operation has more attempts than it may have");
  const last = open.at(-1);
  if (state.status === "removed" && last !== undefined && last.kind !== "delete" && last.cancel !== "delete")
    breaks(state, "I2: a delete was accepted, and what is to end for it goes on");
}
