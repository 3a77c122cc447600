import { CallLog } from "./calls/log.js";
import { Region } from "./ec2/region.js";
import { FaultTable } from "./faults/table.js";
import type { Caller } from "./http/caller.js";
import { Random } from "./random.js";
import { DnsAccount } from "./route53/account.js";
import { DEFAULT_SETTINGS, mergeDelays, type Delays, type Settings } from "./settings.js";
import { clockFrom, type ClockChoice } from "./time/clock.js";
import { Schedule } from "./time/schedule.js";
import { Ring } from "./ring.js";
import type { Transition, World } from "./world.js";

export interface SimulatorOptions extends Partial<Omit<Settings, "delays">> {
  /** Default: the wall clock. */
  clock?: ClockChoice;
  delays?: Partial<Delays>;
  /** Of faults by probability and of ids. Default: a random one, told by `/_sim/health`. */
  seed?: number;
}

const TRANSITIONS_KEPT = 5_000;

/** The simulated accounts. The HTTP server and the control API are only ways to it. */
export class Simulator {
  readonly world: World;
  readonly calls: CallLog;
  readonly #regions = new Map<string, Region>();
  readonly #dns = new Map<string, DnsAccount>();
  readonly #transitions = new Ring<Transition>(TRANSITIONS_KEPT);
  readonly #listeners = new Set<(transition: Transition) => void>();

  constructor(options: SimulatorOptions = {}) {
    const { clock: choice = "real", delays = {}, seed, ...rest } = options;
    const clock = clockFrom(choice);
    const random = new Random(seed);
    const settings = { ...DEFAULT_SETTINGS, ...rest, delays: mergeDelays(DEFAULT_SETTINGS.delays, delays) };
    this.calls = new CallLog(settings.callLogSize);
    this.world = {
      clock,
      schedule: new Schedule(clock),
      random,
      // A sequence of its own: how many ids were made doesn't change which calls a fault hits.
      faults: new FaultTable(new Random(random.seed ^ 0x9e3779b9), clock),
      settings,
      onTransition: (transition) => this.#announce(transition),
    };
  }

  /** What the caller's account has in the Region it signs for. */
  regionOf({ key, region }: Caller): Region {
    const account = this.accountOf(key);
    const id = `${account}/${region}`;
    const known = this.#regions.get(id) ?? new Region(account, region, this.world);
    this.#regions.set(id, known);
    return known;
  }

  /** The caller's Route53, which has no Region. */
  dnsOf({ key }: Caller): DnsAccount {
    const account = this.accountOf(key);
    const known = this.#dns.get(account) ?? new DnsAccount(this.world);
    this.#dns.set(account, known);
    return known;
  }

  accountOf(key: string): string {
    const { accounts, defaultAccount } = this.world.settings;
    return (Object.hasOwn(accounts, key) ? accounts[key] : undefined) ?? defaultAccount;
  }

  regions(): Region[] {
    return [...this.#regions.values()];
  }

  dnsAccounts(): DnsAccount[] {
    return [...this.#dns.values()];
  }

  /** Moves a virtual clock on and lets everything happen that is due until then. */
  advance(ms: number): number {
    this.world.schedule.advance(ms);
    return this.world.clock.now();
  }

  /** Calls `listener` at each change of a state, until the returned function is called. */
  watch(listener: (transition: Transition) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The last changes of states, oldest first. */
  transitions(): Transition[] {
    return this.#transitions.list();
  }

  setDelays(changes: Readonly<Record<string, unknown>>): void {
    this.world.settings.delays = mergeDelays(this.world.settings.delays, changes);
  }

  /** Forgets everything but its settings and the time. */
  reset(): void {
    this.world.schedule.clear();
    this.world.faults.clear();
    this.#regions.clear();
    this.#dns.clear();
    this.#transitions.clear();
    this.calls.clear();
  }

  #announce(transition: Transition): void {
    this.#transitions.push(transition);
    for (const listener of this.#listeners) listener(transition);
  }
}
