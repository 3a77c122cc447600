import fc from "fast-check";
import { BerthError } from "@berth/core/base/errors";
import { ensurePlace, takeIdentity } from "@berth/core/db/places";
import { transaction, type Pool } from "@berth/core/db/pool";
import { createWorkspace } from "@berth/core/requests/create";
import { removeWorkspace } from "@berth/core/requests/delete";
import { patchPlace } from "@berth/core/requests/places";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";

const PLACES = ["a", "b", "c"] as const;
const ZONES = ["x", "y"] as const;

interface Settings {
  capacity: number | null;
  cordoned: boolean;
  zone: string;
}

const wish = fc.record({
  place: fc.option(fc.constantFrom(...PLACES), { nil: undefined, freq: 3 }),
  zone: fc.option(fc.constantFrom(...ZONES), { nil: undefined, freq: 2 }),
  under: fc.option(fc.nat(9), { freq: 3 }),
});
/** What is asked for at once. */
const batch = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("create" as const),
      wishes: fc.array(wish, { minLength: 1, maxLength: 8 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("set" as const),
      place: fc.constantFrom(...PLACES),
      to: fc.record({
        capacity: fc.option(fc.nat(4), { freq: 8 }),
        cordoned: fc.boolean(),
        zone: fc.constantFrom(...ZONES),
      }),
      wishes: fc.array(wish, { maxLength: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("remove" as const),
      pick: fc.nat(9),
      /** Whether something of it isn't proven gone. */
      owes: fc.boolean(),
      wishes: fc.array(wish, { maxLength: 3 }),
    }),
  },
);

interface Row {
  id: string;
  place: string;
  status: string;
  owes: boolean;
}

class World {
  readonly settings = new Map<string, Settings>();
  readonly pool: Pool;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  get context() {
    const dispatcher = {
      add: () => Promise.resolve(),
      wake: () => Promise.resolve(true),
      promote: () => Promise.resolve(true),
    };
    return { pool: this.pool, dispatcher, maxAttempts: 1 };
  }

  async set(place: string, to: Settings): Promise<void> {
    const { capacity, cordoned, zone } = to;
    await patchPlace(this.pool, place, { capacity, cordoned, labels: { zone } }, BY_TEST);
    this.settings.set(place, to);
  }

  async rows(): Promise<Row[]> {
    const { rows } = await this.pool.query<Row>(
      `select id, place, status, exists (select from resources r where r.workspace_id = w.id and r.state <> 'gone') as owes
       from workspaces w order by created_at, id`,
    );
    return rows;
  }
}

/** How many hold something in a place, by what the rows say. */
const heldIn = (place: string, rows: readonly Row[]): number =>
  rows.filter((row) => row.place === place && (row.status !== "removed" || row.owes)).length;

type Wish = typeof wish extends fc.Arbitrary<infer T> ? T : never;
interface Outcome {
  wish: Wish;
  parent: Row | undefined;
  place: string | null;
}

async function ask(world: World, one: Wish, before: readonly Row[]): Promise<Outcome> {
  const live = before.filter((row) => row.status !== "removed");
  const parent = one.under === null ? undefined : live[one.under % Math.max(live.length, 1)];
  const input = {
    ...newWorkspace("w", parent?.id ?? null),
    ...(one.place !== undefined && { place: one.place }),
    ...(one.zone !== undefined && { place_labels: { zone: one.zone } }),
  };
  try {
    return {
      wish: one,
      parent,
      place: (await createWorkspace(world.context, input, BY_TEST)).workspace.place,
    };
  } catch (error) {
    expect(error).toBeInstanceOf(BerthError);
    expect(["no_place", "parent_removed"]).toContain((error as BerthError).code);
    return { wish: one, parent, place: (error as BerthError).code === "no_place" ? null : "—" };
  }
}

/** The places that a wish allows, whatever room they have. */
function allowed({ wish: one, parent }: Outcome, settings: ReadonlyMap<string, Settings>): string[] {
  const home = one.place ?? (one.zone === undefined ? parent?.place : undefined);
  return PLACES.filter((name) => {
    const { cordoned, zone } = settings.get(name)!;
    return !cordoned && (home ?? name) === name && (one.zone ?? zone) === zone;
  });
}

describe("placement under any interleaving", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
    for (const name of PLACES) await ensurePlace(database.pool, { name, backend: "process" });
    await transaction(database.pool, async (tx) => {
      for (const name of PLACES) await takeIdentity(tx, name, name, null);
    });
  });
  afterAll(() => database.drop());

  it("fills no place beyond its capacity, keeps to rules and cordons, and refuses only where nothing is left", async () => {
    const seen = { refused: 0, full: 0, placed: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 5, maxLength: 20 }), async (batches) => {
        const world = new World(database.pool);
        await database.pool.query("truncate workspaces, structure_events, resources cascade");
        for (const name of PLACES) await world.set(name, { capacity: 2, cordoned: false, zone: "x" });
        for (const one of batches) {
          const before = await world.rows();
          const old = new Map(world.settings);
          const act = async (): Promise<void> => {
            if (one.do === "set") await world.set(one.place, one.to);
            const live = before.filter((row) => row.status !== "removed");
            if (one.do !== "remove" || live.length === 0) return;
            const { id, place } = live[one.pick % live.length]!;
            if (one.owes)
              await database.pool.query(
                `insert into resources (id, workspace_id, kind, backend, place, name, client_token, generation, state)
                 values (gen_random_uuid(), $1, 'volume', 'process', $2, 'v', gen_random_uuid()::text, 1, 'intended')`,
                [id, place],
              );
            await removeWorkspace(world.context, id, { cascade: true, ...BY_TEST });
          };
          const [, ...outcomes] = await Promise.all([
            act(),
            ...one.wishes.map((each) => ask(world, each, before)),
          ]);
          const after = await world.rows();
          for (const name of PLACES) {
            const [was, now] = [heldIn(name, before), heldIn(name, after)];
            const room = [old, world.settings].map((at) => at.get(name)!.capacity ?? Infinity);
            if (now > was) expect(now, `held in ${name}`).toBeLessThanOrEqual(Math.max(...room));
            if (now >= Math.min(...room)) seen.full++;
          }
          for (const outcome of outcomes) {
            const may = [...allowed(outcome, old), ...allowed(outcome, world.settings)];
            if (outcome.place === "—") continue;
            if (outcome.place !== null) {
              seen.placed++;
              expect(may).toContain(outcome.place);
              continue;
            }
            seen.refused++;
            // What was freed or opened meanwhile may have come too late for it.
            if (one.do !== "create") continue;
            for (const name of may)
              expect(heldIn(name, after), `${name} when it was refused`).toBeGreaterThanOrEqual(
                world.settings.get(name)!.capacity ?? Infinity,
              );
          }
        }
      }),
      { numRuns: 40, endOnFailure: true },
    );
    expect(seen.refused).toBeGreaterThan(50);
    expect(seen.placed).toBeGreaterThan(50);
    expect(seen.full).toBeGreaterThan(50);
  });

  it("a cordon's answer is the last moment at which the place takes one", async () => {
    const world = new World(database.pool);
    await database.pool.query("truncate workspaces, structure_events, resources cascade");
    for (let round = 0; round < 10; round++) {
      await world.set("a", { capacity: null, cordoned: false, zone: "x" });
      let cordoned = Infinity;
      const asks = Array.from({ length: 20 }, async () => {
        await createWorkspace(world.context, { ...newWorkspace(), place: "a" }, BY_TEST).catch(() => null);
      });
      const answered = world.set("a", { capacity: null, cordoned: true, zone: "x" }).then(async () => {
        const { rows } = await database.pool.query<{ n: number }>(
          "select count(*)::int as n from workspaces",
        );
        cordoned = rows[0]!.n;
      });
      await Promise.all([...asks, answered]);
      const { rows } = await database.pool.query<{ n: number }>("select count(*)::int as n from workspaces");
      expect(rows[0]!.n).toBe(cordoned);
    }
  });
});
