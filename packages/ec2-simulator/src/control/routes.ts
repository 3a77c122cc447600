import { validateFault } from "../faults/validate.js";
import type { HttpRequest } from "../http/message.js";
import type { BucketChoice } from "../limits/buckets.js";
import type { Simulator } from "../simulator.js";
import type { Mishap } from "../ec2/mishaps.js";
import { ControlError } from "./control-error.js";
import { findInstance, release, strike, writeConsole } from "./operate.js";
import { countAll, viewAll, viewInstance } from "./view.js";

export interface Route {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: RegExp;
  /** What is answered as JSON; `status` 200 unless given. */
  run(sim: Simulator, request: HttpRequest, id: string): { status?: number; body: unknown };
}

const MISHAP_BY_VERB: Readonly<Record<string, Mishap>> = {
  terminate: "terminate",
  reclaim: "spot_reclaim",
  shutdown: "os_shutdown",
};

/** The control API. */
export const ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: /^\/_sim\/health$/,
    run: ({ world }) => ({
      body: { status: "ok", seed: world.random.seed, ...clockOf(world), memory: memoryUse() },
    }),
  },
  {
    method: "GET",
    path: /^\/_sim\/state$/,
    run(sim, { url }) {
      sim.world.schedule.settle();
      const head = { ...clockOf(sim.world), counts: countAll(sim) };
      return { body: url.searchParams.get("counts") === "true" ? head : { ...head, ...viewAll(sim) } };
    },
  },
  {
    method: "POST",
    path: /^\/_sim\/reset$/,
    run(sim) {
      sim.reset();
      return { body: { reset: true } };
    },
  },
  { method: "GET", path: /^\/_sim\/clock$/, run: ({ world }) => ({ body: clockOf(world) }) },
  {
    method: "POST",
    path: /^\/_sim\/clock$/,
    run(sim, request) {
      const { advanceMs } = objectOf(request);
      if (sim.world.clock.kind !== "virtual")
        throw new ControlError(
          409,
          "the clock is real; start the simulator with a virtual one to advance it",
        );
      if (typeof advanceMs !== "number" || !(advanceMs >= 0) || !Number.isFinite(advanceMs))
        throw new ControlError(400, "advanceMs must be milliseconds >= 0");
      sim.advance(advanceMs);
      return { body: clockOf(sim.world) };
    },
  },
  { method: "GET", path: /^\/_sim\/faults$/, run: ({ world }) => ({ body: world.faults.list() }) },
  {
    method: "POST",
    path: /^\/_sim\/faults$/,
    run({ world }, request) {
      const input = jsonOf(request);
      const faults: unknown[] = Array.isArray(input) ? input : [input];
      // All are checked before the first is set.
      const added = faults.map(validateFault).map((fault) => world.faults.add(fault));
      return { status: 201, body: Array.isArray(input) ? added : added[0] };
    },
  },
  {
    method: "DELETE",
    path: /^\/_sim\/faults$/,
    run({ world }) {
      world.faults.clear();
      return { body: [] };
    },
  },
  {
    method: "DELETE",
    path: /^\/_sim\/faults\/([^/]+)$/,
    run({ world }, _, id) {
      if (!world.faults.remove(id)) throw new ControlError(404, `there is no fault ${id}`);
      return { body: { removed: id } };
    },
  },
  {
    method: "GET",
    path: /^\/_sim\/calls$/,
    run({ calls }, { url }) {
      const action = url.searchParams.get("action");
      const only = {
        ...(action === null ? {} : { action }),
        ...countOf(url, "since"),
        ...countOf(url, "limit"),
      };
      return { body: { counters: calls.counters(), calls: calls.list(only) } };
    },
  },
  {
    method: "DELETE",
    path: /^\/_sim\/calls$/,
    run({ calls }) {
      calls.clear();
      return { body: { cleared: true } };
    },
  },
  { method: "GET", path: /^\/_sim\/transitions$/, run: (sim) => ({ body: sim.transitions() }) },
  {
    method: "GET",
    path: /^\/_sim\/settings$/,
    run: ({ world: { settings } }) => ({ body: { delays: settings.delays, buckets: settings.buckets } }),
  },
  {
    method: "PATCH",
    path: /^\/_sim\/settings$/,
    run(sim, request) {
      const { delays, buckets, ...unknown } = objectOf(request);
      if (Object.keys(unknown).length > 0)
        throw new ControlError(
          400,
          `only delays and buckets can be changed, not ${Object.keys(unknown).join(", ")}`,
        );
      if (buckets !== undefined) sim.world.settings.buckets = checkBuckets(buckets);
      if (delays !== undefined) sim.setDelays(record(delays, "delays"));
      const { settings } = sim.world;
      return { body: { delays: settings.delays, buckets: settings.buckets } };
    },
  },
  {
    method: "GET",
    path: /^\/_sim\/instances\/([^/]+)$/,
    run(sim, _, id) {
      const { instance, region } = findInstance(sim, id);
      return { body: viewInstance(instance, region) };
    },
  },
  ...Object.entries(MISHAP_BY_VERB).map(([verb, mishap]): Route => ({
    method: "POST",
    path: new RegExp(`^/_sim/instances/([^/]+)/${verb}$`),
    run: (sim, _, id) => ({ body: { id, state: strike(sim, id, mishap).state } }),
  })),
  {
    method: "POST",
    path: /^\/_sim\/(?:instances|volumes)\/([^/]+)\/release$/,
    run(sim, _, id) {
      release(sim, id);
      return { body: { id, released: true } };
    },
  },
  {
    method: "PUT",
    path: /^\/_sim\/instances\/([^/]+)\/console$/,
    run(sim, request, id) {
      writeConsole(sim, id, request.body);
      return { body: { id, characters: request.body.length } };
    },
  },
];

function clockOf({ clock }: Simulator["world"]): { clock: string; now: string; nowMs: number } {
  const nowMs = clock.now();
  return { clock: clock.kind, now: new Date(nowMs).toISOString(), nowMs };
}

/** Of the whole process, in bytes. */
function memoryUse(): { rss: number; peakRss: number } {
  return { rss: process.memoryUsage.rss(), peakRss: process.resourceUsage().maxRSS * 1024 };
}

function jsonOf({ body }: HttpRequest): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new ControlError(400, "the body must be JSON");
  }
}

function objectOf(request: HttpRequest): Record<string, unknown> {
  return record(jsonOf(request), "the body");
}

function record(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ControlError(400, `${name} must be an object`);
  return value as Record<string, unknown>;
}

function countOf(url: URL, name: "since" | "limit"): { since?: number; limit?: number } {
  const value = url.searchParams.get(name);
  if (value === null) return {};
  if (!/^\d{1,12}$/.test(value)) throw new ControlError(400, `${name} must be a whole number`);
  return { [name]: Number(value) };
}

function checkBuckets(value: unknown): BucketChoice {
  if (typeof value === "boolean") return value;
  const scale: unknown = record(value, "buckets")["scale"];
  if (typeof scale !== "number" || !(scale > 0) || !Number.isFinite(scale))
    throw new ControlError(400, "buckets must be true, false or { scale: a number > 0 }");
  return { scale };
}
