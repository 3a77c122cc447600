import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { SWEEP_NAMES, type SweepName } from "@berth/core/domain/sweep";
import type { SweepDeps } from "@berth/core/sweeps/sweep";
import { SCENES } from "./scenes.js";
import { openStage, type Stage } from "./stage.js";

/**
 * What becomes of the sweep's items. `acts`: on all of them; `spares`: on none, quietly; `holds`: on none, the
 * breaker waits; `fails`: on none, and the run says why; `others`: on all but the one that is poisoned.
 */
type Outcome = "acts" | "spares" | "holds" | "fails" | "others";
type Row = Readonly<Record<SweepName, Outcome>>;

const LISTS = ["docker-orphans", "leaked-instances"] as const;

/** The same for every sweep, but for those named. */
function all(outcome: Outcome, except: Partial<Row> = {}): Row {
  return { ...(Object.fromEntries(SWEEP_NAMES.map((name) => [name, outcome])) as Row), ...except };
}
const ofLists = (outcome: Outcome): Partial<Row> =>
  Object.fromEntries(LISTS.map((name) => [name, outcome])) as Partial<Row>;

/** A condition: what it does to the stage before the sweep runs, and what each sweep makes of it. */
interface Condition {
  items?: number;
  young?: boolean;
  set?(stage: Stage, name: SweepName, ids: string[]): Promise<Partial<SweepDeps>> | Partial<SweepDeps>;
  expected: Row;
}

const failing = () => Promise.reject(new Error("503 from the provider"));
const hanging = () => new Promise<never>(() => undefined);

const CONDITIONS: Readonly<Record<string, Condition>> = {
  "provider error": {
    set(stage) {
      for (const { faults } of [stage.backend, stage.cloud])
        Object.assign(faults, { failBefore: 1, onList: failing, onProbe: failing });
      return {};
    },
    // The other sweeps ask no provider: what they accept is carried out when it is well again.
    expected: all("acts", {
      ...ofLists("fails"),
      "removed-instances": "spares",
      "instance-state": "spares",
      // It waits where it is until it is proven stopped.
      drain: "spares",
    }),
  },
  "provider time-out": {
    set(stage) {
      for (const { faults } of [stage.backend, stage.cloud])
        Object.assign(faults, { onList: hanging, onProbe: hanging });
      return {
        settings: { ...stage.settings, probeTimeoutMs: 20 },
        signal: AbortSignal.timeout(1_000),
      };
    },
    expected: all("acts", { ...ofLists("fails"), "instance-state": "spares" }),
  },
  "partial listing": {
    set(stage, _name, ids) {
      // A page that fails fails the list. A probe tells of some only.
      for (const { faults } of [stage.backend, stage.cloud])
        Object.assign(faults, {
          onList: () => Promise.reject(new Error("page 2 did not come")),
          onProbe: (states: Map<string, string>, refs: { resourceId: string; workspaceId: string }[]) => {
            for (const ref of refs) if (ids.includes(ref.workspaceId)) states.delete(ref.resourceId);
            return states;
          },
        });
      return {};
    },
    expected: all("acts", { ...ofLists("fails"), "instance-state": "spares" }),
  },
  "empty listing": {
    set(stage) {
      for (const { faults } of [stage.backend, stage.cloud])
        Object.assign(faults, { onList: () => [], onProbe: () => new Map() });
      return {};
    },
    expected: all("acts", { ...ofLists("spares"), "instance-state": "spares" }),
  },
  "database error": {
    set: (stage) => ({
      pool: Object.create(stage.pool, {
        query: { value: () => Promise.reject(new Error("Connection terminated unexpectedly")) },
        connect: { value: () => Promise.reject(new Error("Connection terminated unexpectedly")) },
      }),
    }),
    expected: all("fails"),
  },
  healthy: { items: 0, expected: all("acts") },
  "one dead": { items: 1, expected: all("acts") },
  "all dead": {
    items: 8,
    expected: all("acts", {
      ...ofLists("holds"),
      "instance-state": "holds",
      liveness: "holds",
      "provisioning-timeout": "holds",
    }),
  },
  "one poisoned": {
    items: 3,
    set: (stage, name, ids) => SCENES[name].poison(stage, ids[0]!),
    expected: all("others", { retention: "acts" }),
  },
  paused: {
    set: (stage, name) => ({ settings: { ...stage.settings, paused: [name] } }),
    expected: all("spares"),
  },
  "dry run": {
    set: (stage, name) => ({ settings: { ...stage.settings, dryRun: [name] } }),
    expected: all("spares"),
  },
  "foreign resource": {
    items: 0,
    async set(stage) {
      for (const kind of ["instance", "volume"] as const)
        await stage.leak({ kind, ageMs: 86_400_000, deployment: "somebody-else" });
      return {};
    },
    expected: all("acts"),
  },
  "young resource": { items: 0, young: true, expected: all("spares") },
  "changed between sighting and act": {
    items: 1,
    set: (stage, name, ids) => SCENES[name].change(stage, ids[0]!),
    expected: all("spares", { dispatch: "acts", retention: "acts" }),
  },
};

describe.each(SWEEP_NAMES)("%s", (name) => {
  const scene = SCENES[name];
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  beforeEach(() => stage.clear());
  afterAll(() => stage.close());

  it.each(Object.entries(CONDITIONS))("%s", async (_condition, { items = 2, young, set, expected }) => {
    // Those that it must never touch.
    const healthy = [await stage.withAgent(), await stage.online(), await stage.online()];
    const ids = young === true ? [await scene.young(stage)] : await scene.make(stage, items);
    await stage.beat(healthy[0]!.id);
    await stage.listened();
    const before = await stage.things();
    const deps = (await set?.(stage, name, ids)) ?? {};
    const foreign = (await stage.things()).filter((id) => !before.includes(id));

    const held: number[] = [];
    let failed = false;
    for (let pass = 0; pass < scene.passes; pass++) {
      if (pass > 0) await stage.time.advance(60_000);
      await stage.listened();
      try {
        held.push((await stage.run(name, deps))?.["held"] ?? 0);
      } catch {
        failed = true;
      }
    }

    const done = await scene.done(stage, ids);
    const outcome = expected[name];
    expect(done.toSorted()).toEqual(
      (outcome === "acts" ? ids : outcome === "others" ? ids.slice(1) : []).toSorted(),
    );
    expect(failed, "the run says that it failed").toBe(outcome === "fails");
    expect(held.at(-1) ?? 0, "acts that the breaker holds").toBe(outcome === "holds" ? ids.length : 0);
    // Whatever happened: nothing healthy, and nothing foreign, was touched.
    const after = await stage.things();
    for (const { id, instance_id, status, generation } of healthy) {
      expect(await stage.workspace(id)).toMatchObject({ status, generation, instance_id });
      expect(after).toEqual(expect.arrayContaining([instance_id, `vol-${id}`]));
    }
    expect(after).toEqual(expect.arrayContaining(foreign));
    if (outcome === "spares" || outcome === "fails" || outcome === "holds")
      expect(after, "nothing was removed").toEqual([...before, ...foreign].toSorted());
  });
});
