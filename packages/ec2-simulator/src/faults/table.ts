import { globMatches } from "../glob.js";
import type { Random } from "../random.js";
import type { Clock } from "../time/clock.js";
import type { Fault, FaultKind, FaultSpec, FaultTarget } from "./fault.js";
import { validateFault } from "./validate.js";

const MAX_FAULTS = 1_000;

/** The faults that are set, asked at each place where something can go wrong. */
export class FaultTable {
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #faults = new Map<string, Fault>();
  #made = 0;

  constructor(random: Random, clock: Clock) {
    this.#random = random;
    this.#clock = clock;
  }

  /** @throws TypeError for a fault that isn't understood. */
  add(spec: FaultSpec): Fault {
    const valid = validateFault(spec);
    if (this.#faults.size >= MAX_FAULTS) throw new TypeError(`at most ${MAX_FAULTS} faults can be set`);
    const fault: Fault = {
      ...valid,
      id: `fault-${++this.#made}`,
      setAt: this.#clock.now(),
      fired: 0,
      matched: 0,
    };
    this.#faults.set(fault.id, fault);
    return fault;
  }

  remove(id: string): boolean {
    return this.#faults.delete(id);
  }

  clear(): void {
    this.#faults.clear();
  }

  list(): Fault[] {
    return [...this.#faults.values()].map((fault) => ({ ...fault }));
  }

  /** True if any fault of the kind could still hit: lets callers skip the work of describing a target. */
  awaits(kind: FaultKind): boolean {
    for (const fault of this.#faults.values()) if (fault.kind === kind && !this.#isSpent(fault)) return true;
    return false;
  }

  /** The first fault of the kind that hits the target; counted as fired. */
  fire(kind: FaultKind, target: FaultTarget): Fault | null {
    for (const fault of this.#faults.values())
      if (fault.kind === kind && !this.#isSpent(fault) && matches(fault, target) && this.#hits(fault))
        return fault;
    return null;
  }

  /** All faults of the kind that hit: delays add up. */
  fireAll(kind: FaultKind, target: FaultTarget): Fault[] {
    return [...this.#faults.values()].filter(
      (fault) => fault.kind === kind && !this.#isSpent(fault) && matches(fault, target) && this.#hits(fault),
    );
  }

  #hits(fault: Fault): boolean {
    fault.matched++;
    if (fault.matched <= (fault.skip ?? 0)) return false;
    if (fault.probability !== undefined && this.#random.fraction() >= fault.probability) return false;
    fault.fired++;
    return true;
  }

  #isSpent({ count, fired, forMs, setAt }: Fault): boolean {
    return (
      (count !== undefined && fired >= count) || (forMs !== undefined && this.#clock.now() - setAt >= forMs)
    );
  }
}

function matches(fault: Fault, target: FaultTarget): boolean {
  return (
    matchesAction(fault.action, target.action) &&
    (fault.key === undefined || (target.key !== undefined && globMatches(fault.key, target.key))) &&
    matchesAny(fault.region, target.region === undefined ? [] : [target.region]) &&
    matchesAny(fault.az, target.az) &&
    matchesAny(fault.type, target.type) &&
    matchesAny(fault.instance, target.instance) &&
    matchesAny(fault.volume, target.volume) &&
    (fault.kind !== "page" || (fault.page ?? 2) === target.page) &&
    (fault.kind !== "stuck" || fault.state === target.state)
  );
}

function matchesAction(patterns: FaultSpec["action"], action: string | undefined): boolean {
  if (patterns === undefined) return true;
  if (action === undefined) return false;
  return (typeof patterns === "string" ? [patterns] : patterns).some((pattern) =>
    globMatches(pattern, action),
  );
}

function matchesAny(pattern: string | undefined, values: readonly string[] | undefined): boolean {
  return pattern === undefined || (values ?? []).some((value) => globMatches(pattern, value));
}
