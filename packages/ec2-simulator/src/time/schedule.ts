import { VirtualClock, type Clock } from "./clock.js";

interface Entry {
  at: number;
  order: number;
  run: () => void;
}

/**
 * What happens later, in order of time and, at one time, in the order it was planned. A binary heap: a
 * hundred thousand instances have as many plans.
 */
export class Schedule {
  readonly #clock: Clock;
  #heap: Entry[] = [];
  #order = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Plans `run` for `at`, in milliseconds of the simulator's clock. */
  plan(at: number, run: () => void): void {
    const heap = this.#heap;
    heap.push({ at, order: this.#order++, run });
    siftUp(heap, heap.length - 1);
    if (heap[0]?.order === this.#order - 1) this.#askForWake();
  }

  /** Runs everything that is due. Called before each request, so that no reply shows a state that is over. */
  settle(): void {
    this.#runUntil(this.#clock.now());
    this.#askForWake();
  }

  /** Moves a virtual clock, running each plan at its own time. */
  advance(ms: number): void {
    const clock = this.#clock;
    if (!(clock instanceof VirtualClock)) throw new TypeError("only a virtual clock can be advanced");
    const target = clock.now() + ms;
    this.#runUntil(target);
    clock.moveTo(target);
  }

  clear(): void {
    this.#heap = [];
    this.#askForWake();
  }

  #runUntil(limit: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= limit; next = this.#heap[0]) {
      removeFirst(this.#heap);
      if (this.#clock instanceof VirtualClock) this.#clock.moveTo(next.at);
      next.run();
    }
  }

  #askForWake(): void {
    this.#clock.wakeAt(this.#heap[0]?.at ?? null, () => this.settle());
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function siftUp(heap: Entry[], start: number): void {
  let index = start;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (!before(heap[index]!, heap[parent]!)) return;
    [heap[index], heap[parent]] = [heap[parent]!, heap[index]!];
    index = parent;
  }
}

function removeFirst(heap: Entry[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  heap[0] = last;
  let index = 0;
  for (;;) {
    const left = 2 * index + 1;
    const right = left + 1;
    let first = index;
    if (left < heap.length && before(heap[left]!, heap[first]!)) first = left;
    if (right < heap.length && before(heap[right]!, heap[first]!)) first = right;
    if (first === index) return;
    [heap[index], heap[first]] = [heap[first]!, heap[index]!];
    index = first;
  }
}
