import type { Service } from "../http/caller.js";
import { intern } from "../query/intern.js";
import { Ring } from "../ring.js";

/** One API call as it was seen, without user-data and without signatures. */
export interface Call {
  seq: number;
  /** Milliseconds since the epoch on the simulator's clock. */
  at: number;
  service: Service;
  action: string;
  /** The caller's access key id. Null if the call wasn't signed. */
  key: string | null;
  region: string | null;
  params: Readonly<Record<string, string>>;
  /** `ok`, the error's code, or `dropped` if the caller got no reply. */
  outcome: string;
  /** HTTP status, null if the caller got no reply. */
  status: number | null;
  /** What it changed, in words; empty if nothing. */
  effect: string;
  /** The fault that decided the outcome. */
  fault: string | null;
}

export interface Counter {
  calls: number;
  ok: number;
  errors: Record<string, number>;
}

const LONGEST_VALUE = 200;
const MAX_PARAMS = 60;
const SECRET = /UserData/i;

/** A bounded log of calls, with counters that keep counting when old calls have left it. */
export class CallLog {
  /** With the parameters as JSON: one string takes a tenth of the memory of an object with its own shape. */
  readonly #ring: Ring<Omit<Call, "params"> & { params: string }>;
  readonly #counters = new Map<string, Counter>();
  #seq = 0;

  constructor(size: number) {
    this.#ring = new Ring(size);
  }

  record(call: Omit<Call, "seq">): void {
    this.#ring.push({ ...call, params: intern(JSON.stringify(call.params)), seq: ++this.#seq });
    const counter = this.#counters.get(call.action) ?? { calls: 0, ok: 0, errors: {} };
    counter.calls++;
    if (call.outcome === "ok") counter.ok++;
    else counter.errors[call.outcome] = (counter.errors[call.outcome] ?? 0) + 1;
    this.#counters.set(call.action, counter);
  }

  /** Oldest first; those after `since` and of `action` if given, at most the last `limit`. */
  list(only: { action?: string; since?: number; limit?: number } = {}): Call[] {
    if (only.limit === 0) return [];
    return this.#ring
      .list()
      .filter(
        (call) => call.seq > (only.since ?? 0) && (only.action === undefined || call.action === only.action),
      )
      .slice(-(only.limit ?? Infinity))
      .map((call) => ({ ...call, params: JSON.parse(call.params) as Call["params"] }));
  }

  counters(): Record<string, Counter> {
    return Object.fromEntries(
      [...this.#counters].map(([action, counter]) => [action, { ...counter, errors: { ...counter.errors } }]),
    );
  }

  clear(): void {
    this.#ring.clear();
    this.#counters.clear();
    this.#seq = 0;
  }
}

/** What the log keeps of a request's parameters. User-data carries tokens, so only its length is kept. */
export function summarise(flat: Iterable<[string, string]>): Record<string, string> {
  const summary: Record<string, string> = {};
  let left = MAX_PARAMS;
  for (const [name, value] of flat) {
    if (name === "Action" || name === "Version" || name.startsWith("X-Amz-")) continue;
    if (left-- <= 0) return { ...summary, "…": "more parameters left out" };
    if (SECRET.test(name)) summary[name] = `(${value.length} characters)`;
    else summary[name] = value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE)}…` : value;
  }
  return summary;
}
