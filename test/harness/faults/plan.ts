import { createRandom, type Random } from "../random.js";
import { type Fault, type LastingFault, type PlannedFault, targetOf } from "./fault.js";
import { HELD_BACK_MS, STORMS } from "./storms.js";

/** What there is to break. */
export interface Targets {
  apis: readonly string[];
  workers: readonly string[];
  links: readonly string[];
  /** That can be full; none where the harness doesn't run as root. */
  disks: readonly ("postgres" | "redis")[];
  /** That can be wrong. */
  clocks: readonly string[];
  /** Whether there is a Docker daemon. */
  docker: boolean;
}

const MEAN_GAP_MS = 3_500;
const PAUSE_MS = 1_000;
const FAILOVER_MS = 15_000;
const HANGING_MS = 20_000;
/** What Berth has begun goes on at intervals that grow: after a drought about as long as it was. */
const DROUGHT_SHARE = 0.4;
const LONGEST_DROUGHT_MS = 180_000;
/** Shorter ones are among the provider's storms. */
const LEAST_FOR_DROUGHT_MS = 100_000;
/** The load alone, so that there is something to break. */
const QUIET_START_MS = 5_000;

const CLOCK_STEP_MS = 3_600_000;
/** All ages are told by the database's clock: it may be set by less than leases and grace times leave room for. */
const DATABASE_STEP_MS = 2_000;

/** Steps at which a worker kills itself, before or after. */
const STEPS = [
  "provision/volume",
  "provision/launch",
  "provision/wait",
  "restart/stop",
  "restart/launch",
  "restart/wait",
  "pause/stop",
  "resume/launch",
  "delete/stop",
  "delete/volume",
];

/** Null: there is nothing of the kind. */
type Draw = (random: Random, targets: Targets) => LastingFault | null;

const fault = (forMs: number, what: Fault): LastingFault => ({ ...what, forMs });

/** Each kind with its weight. Durations in ms. */
const KINDS: readonly [weight: number, Draw][] = [
  [4, (r, t) => fault(r.between(500, 5_000), { kind: "kill", program: r.pick(t.workers) })],
  [1, (r, t) => fault(r.between(500, 4_000), { kind: "kill", program: r.pick(t.apis) })],
  [
    3,
    (r, t) =>
      fault(r.between(6_000, 15_000), {
        kind: "kill-at-step",
        program: r.pick(t.workers),
        step: `${r.pick(STEPS)}/${r.pick(["before", "after"])}`,
      }),
  ],
  [3, (r, t) => fault(r.between(1_000, 20_000), { kind: "freeze", program: r.pick(t.workers) })],
  [1, (r, t) => fault(r.between(1_000, 10_000), { kind: "freeze", program: r.pick(t.apis) })],
  [2, () => fault(0, { kind: "redis", how: "flush" })],
  [
    2,
    (r) => fault(r.between(500, 8_000), { kind: "redis", how: r.pick(["stop", "crash", "freeze"] as const) }),
  ],
  [1, (r) => fault(r.between(5_000, 15_000), { kind: "redis", how: "older" })],
  [1, (r) => fault(r.between(500, 6_000), { kind: "postgres", how: "stop" })],
  [1, (r) => fault(r.between(500, 4_000), { kind: "postgres", how: "crash" })],
  [2, () => fault(0, { kind: "postgres", how: "cut" })],
  [
    5,
    (r, t) => {
      const [link, how] = [r.pick(t.links), r.pick(["cut", "slow", "half-open", "one-way"] as const)];
      const holdsBack = how === "half-open" && link.endsWith("-provider");
      return fault(r.between(1_000, holdsBack ? HELD_BACK_MS : 12_000), { kind: "network", link, how });
    },
  ],
  [6, (r) => fault(r.between(3_000, 20_000), { kind: "provider", storm: r.pick(Object.keys(STORMS)) })],
  [
    3,
    (r) =>
      fault(0, {
        kind: "strike",
        how: r.pick(["terminate", "shutdown", "process"] as const),
        pick: r.fraction(),
      }),
  ],
  [
    2,
    (r, t) =>
      t.disks.length === 0 ? null : fault(r.between(2_000, 10_000), { kind: "disk", of: r.pick(t.disks) }),
  ],
  [
    3,
    (r, t) => {
      if (t.clocks.length === 0) return null;
      const of = r.pick(t.clocks);
      const most = of === "postgres" ? DATABASE_STEP_MS : CLOCK_STEP_MS;
      return fault(r.between(3_000, 20_000), { kind: "clock", of, stepMs: r.between(-most, most) });
    },
  ],
];
/** Where there is a Docker daemon. */
const DOCKER_KINDS: typeof KINDS = [
  [3, (r) => fault(r.between(500, 6_000), { kind: "docker", how: "kill" })],
  [1, (r) => fault(r.between(500, 4_000), { kind: "docker", how: "restart" })],
  [2, (r) => fault(0, { kind: "strike", how: r.pick(["container", "remove"] as const), pick: r.fraction() })],
];

/** What each run has once, at some time of its own: it takes longer than what is drawn, or needs its place. */
function setPieces(random: Random, lengthMs: number, { docker }: Targets): PlannedFault[] {
  const at = (from: number, until: number) => random.between(from * lengthMs, until * lengthMs);
  const beside = { ...fault(lengthMs - QUIET_START_MS, { kind: "neighbour" }), at: QUIET_START_MS };
  const failover = { ...fault(FAILOVER_MS, { kind: "redis", how: "failover" }), at: at(0.1, 0.6) };
  const drought = {
    ...fault(Math.min(Math.round(DROUGHT_SHARE * lengthMs), LONGEST_DROUGHT_MS), { kind: "drought" }),
    at: at(0.1, 0.25),
  };
  const hanging = { ...fault(HANGING_MS, { kind: "registry", creates: 12 }), at: at(0.1, 0.6) };
  const pruned = [at(0.4, 0.6), at(0.7, 0.9)].map((when) => ({
    ...fault(0, { kind: "strike", how: "prune", pick: 0 }),
    at: when,
  }));
  return [
    beside,
    failover,
    ...(lengthMs < LEAST_FOR_DROUGHT_MS ? [] : [drought]),
    ...(docker ? [hanging, ...pruned] : []),
  ].filter((one) => one.forMs >= 0 && one.at + one.forMs <= lengthMs);
}

/** The faults of a run, in order: the seed and its length alone decide them. All end before `lengthMs`. */
export function planFaults(seed: number, lengthMs: number, targets: Targets): PlannedFault[] {
  const random = createRandom(seed, "faults");
  const kinds = targets.docker ? [...KINDS, ...DOCKER_KINDS] : KINDS;
  const plan = setPieces(random, lengthMs, targets);
  for (
    let at = QUIET_START_MS;
    at < lengthMs;
    at += 500 + Math.round(-Math.log(1 - random.fraction()) * MEAN_GAP_MS)
  ) {
    const drawn = draw(random, kinds)(random, targets);
    if (drawn === null || at + drawn.forMs > lengthMs) continue;
    // Time to start again before it is broken anew.
    const isBusy = plan.some(
      (one) =>
        targetOf(one) === targetOf(drawn) &&
        at < one.at + one.forMs + PAUSE_MS &&
        one.at < at + drawn.forMs + PAUSE_MS,
    );
    if (!isBusy) plan.push({ ...drawn, at });
  }
  return plan.toSorted((a, b) => a.at - b.at);
}

function draw(random: Random, kinds: typeof KINDS): Draw {
  let left = random.fraction() * kinds.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, one] of kinds) {
    left -= weight;
    if (left < 0) return one;
  }
  return kinds[0]![1];
}
