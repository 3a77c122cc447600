import { isFinished, type OperationKind, type OperationState } from "@berth/core/domain/operation";
import type { Status } from "@berth/core/domain/status";

/** A row of `operations`, with what the queue knows of its job and what is still to be told to the queue. */
export interface ModelOperation {
  readonly ticket: number;
  readonly kind: OperationKind;
  state: OperationState;
  attempt: number;
  takeovers: number;
  /** `next_attempt_at` is in the future. */
  backoff: boolean;
  /** `waiting_since` isn't null: it has waited for its provider, and its attempt has been counted. */
  waiting: boolean;
  /** Who asked for its cancellation while it ran. */
  cancel: "nobody" | "user" | "delete";
  /** It has noted a step: `phase` isn't null. */
  begun: boolean;
  job: Job;
  /** Of {@link TELL}: what a producer, a worker or a sweep has still to tell the queue. */
  telling: number;
}

/** `delayed` soon ends by itself; `parked` is as long as `BERTH_PARK_MS`; `done` is a finished job that is kept. */
export const JOBS = ["none", "ready", "delayed", "parked", "active", "done"] as const;
export type Job = (typeof JOBS)[number];

/**
 * One bit for each message under way. A `wake` first promotes the job; where that fails it looks and then, as a
 * second message, adds what it didn't find or replaces what had finished, and promotes once more.
 */
export const TELL = { addNow: 1, addParked: 2, wake: 4, wakeAdd: 8, wakeReplace: 16, wakeAgain: 32 } as const;
export const WAKING = TELL.wake | TELL.wakeAdd | TELL.wakeReplace | TELL.wakeAgain;

export interface ModelGate {
  tail: number;
  head: number;
  fence: number;
  /** `none`: no owner. `over`: `lease_until` has passed by the database's clock. */
  lease: "none" | "alive" | "over";
}

export const PLACES = [
  "idle",
  "claiming",
  "running",
  "looking",
  "delaying",
  "parking",
  "looking again",
  "completing",
  "retrying",
  "keeping",
] as const;

/** One job's slot of a worker process, or a sweep in it that holds an idle gate (`keeping`). */
export interface ModelWorker {
  at: (typeof PLACES)[number];
  /** 0 if it has no job. */
  ticket: number;
  fence: number;
  /** Of `running`: 0 claimed, 1 a step is noted, 2 the provider is being asked. Of `keeping`: 0, or 2. */
  step: 0 | 1 | 2;
  /** By its own clock its lease is alive. */
  fresh: boolean;
  /** It has learnt that its operation is to be cancelled. */
  told: boolean;
  /** The queue takes it for the one that has the job. */
  lock: boolean;
  /** No part of the protocol: someone else holds, or has held, the gate since. */
  superseded: boolean;
}

/** One workspace, its queue, and the workers. */
export interface State {
  status: Status;
  /** A delete has failed, and the ledger isn't clean. */
  owes: boolean;
  gate: ModelGate;
  /** Those that anyone still refers to, in order. */
  operations: ModelOperation[];
  workers: ModelWorker[];
  /** How many things may still go wrong. */
  faultsLeft: number;
  /** The sentence of the property that the last action has broken. */
  broken: string | null;
}

const IDLE: ModelWorker = {
  at: "idle",
  ticket: 0,
  fence: 0,
  step: 0,
  fresh: false,
  told: false,
  lock: false,
  superseded: false,
};

export function idle(worker: ModelWorker): void {
  Object.assign(worker, IDLE);
}

export function newOperation(ticket: number, kind: OperationKind): ModelOperation {
  return {
    ticket,
    kind,
    state: "queued",
    attempt: 0,
    takeovers: 0,
    backoff: false,
    waiting: false,
    cancel: "nobody",
    begun: false,
    job: "none",
    telling: 0,
  };
}

/** A workspace just accepted: its provision waits, and the API is about to tell the queue. */
export function initial(workers: number, faults: number): State {
  return {
    status: "provisioning",
    owes: false,
    gate: { tail: 1, head: 0, fence: 0, lease: "none" },
    operations: [{ ...newOperation(1, "provision"), telling: TELL.addNow }],
    workers: Array.from({ length: workers }, () => ({ ...IDLE })),
    faultsLeft: faults,
    broken: null,
  };
}

export function copy(state: State): State {
  return {
    status: state.status,
    owes: state.owes,
    gate: { ...state.gate },
    operations: state.operations.map((operation) => ({ ...operation })),
    workers: state.workers.map((worker) => ({ ...worker })),
    faultsLeft: state.faultsLeft,
    broken: null,
  };
}

export function operationOf(state: State, ticket: number): ModelOperation | undefined {
  return state.operations.find((operation) => operation.ticket === ticket);
}

export function unfinished(state: State): ModelOperation[] {
  return state.operations.filter((operation) => !isFinished(operation.state));
}

/** What the head has passed and nobody refers to any more changes nothing: so the model has no end of requests. */
export function forget(state: State): void {
  state.operations = state.operations.filter(
    (operation) =>
      operation.ticket > state.gate.head ||
      operation.telling !== 0 ||
      (operation.job !== "none" && operation.job !== "done") ||
      state.workers.some((worker) => worker.ticket === operation.ticket),
  );
}

/**
 * Equal for states that behave alike: tickets count from the head, those before it are alike, a fence is only the gate's or an older one,
 * workers have no names, and how an operation ended matters to nobody.
 */
export function keyOf(state: State): string {
  const { gate } = state;
  let key = String.fromCharCode(
    STATUS_CODES.get(state.status)! * 2 + Number(state.owes),
    (gate.tail - gate.head) * 4 + LEASES[gate.lease],
    state.faultsLeft === Infinity ? 0 : state.faultsLeft,
  );
  for (const operation of state.operations) key += operationKey(operation, gate.head);
  const workers = state.workers.map((worker) => workerKey(state, worker));
  return `${key}|${workers.toSorted().join("")}`;
}

const LEASES = { none: 0, alive: 1, over: 2 } as const;
const CANCELS = { nobody: 0, user: 1, delete: 2 } as const;
const STATES = { queued: 0, running: 1, succeeded: 2, failed: 2, cancelled: 2 } as const;
const KINDS = { provision: 0, restart: 1, pause: 2, resume: 3, hibernate: 4, delete: 5 } as const;
const STATUS_CODES = new Map<Status, number>(
  (
    [
      "provisioning",
      "awaiting_agent",
      "online",
      "degraded",
      "offline",
      "failed",
      "paused",
      "hibernated",
      "removed",
    ] as const
  ).map((status, index) => [status, index]),
);
const PLACE_CODES = new Map(PLACES.map((place, index) => [place, index]));
const JOB_CODES = new Map(JOBS.map((job, index) => [job, index]));

function operationKey(operation: ModelOperation, head: number): string {
  const lives = !isFinished(operation.state);
  return String.fromCharCode(
    Math.max(operation.ticket - head, 0),
    KINDS[operation.kind] + 8 * STATES[operation.state],
    lives
      ? operation.attempt +
          8 * operation.takeovers +
          64 * CANCELS[operation.cancel] +
          256 * Number(operation.backoff) +
          512 * Number(operation.begun) +
          1024 * Number(operation.waiting)
      : 0,
    operation.telling + 64 * JOB_CODES.get(operation.job)!,
  );
}

function workerKey(state: State, worker: ModelWorker): string {
  const bit = (value: boolean) => (value ? 1 : 0);
  return String.fromCharCode(
    PLACE_CODES.get(worker.at)! * 4 + worker.step,
    worker.ticket === 0 ? 0 : 1 + state.operations.findIndex(({ ticket }) => ticket === worker.ticket),
    bit(worker.fence === state.gate.fence) +
      2 * bit(worker.fresh) +
      4 * bit(worker.told) +
      8 * bit(worker.lock) +
      16 * bit(worker.superseded),
  );
}
