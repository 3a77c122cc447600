import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Pool, Tx } from "@berth/core/db/pool";
import { SWEEP_NAMES } from "@berth/core/domain/sweep";
import { createGate } from "@berth/core/gate/gate";
import { createLeaseKeeper } from "@berth/core/gate/lease";
import type { SweepDeps } from "@berth/core/sweeps/sweep";
import type { RecordedBackend } from "../support/recorded-backend.js";
import { SCENES } from "./scenes.js";
import { openStage, type Stage } from "./stage.js";

/**
 * What a sweep uses, until the worker dies at the `last`-th call to the database or a provider: that call and
 * all later ones come to nothing, transactions that are open roll back, and no lease is given back.
 */
function mortal(stage: Stage, last: number): { deps: Partial<SweepDeps>; died(): boolean; close(): void } {
  let calls = 0;
  const live = (): void => {
    if (++calls >= last) throw new Error("the worker is dead");
  };
  const guarded =
    <Args extends unknown[], R>(call: (...args: Args) => R | Promise<R>) =>
    async (...args: Args): Promise<R> => {
      live();
      return call(...args);
    };
  const query = stage.pool.query.bind(stage.pool) as (...args: never[]) => Promise<unknown>;
  const pool = Object.create(stage.pool, {
    query: { value: guarded(query) },
    connect: {
      value: async () => {
        live();
        const client = await stage.pool.connect();
        const ask = client.query.bind(client) as (...args: never[]) => Promise<unknown>;
        return Object.create(client, {
          query: { value: guarded(ask) },
          release: { value: (broken?: Error) => client.release(calls >= last ? true : broken) },
        }) as Tx;
      },
    },
  }) as Pool;
  const backends = new Map(
    [stage.backend, stage.cloud].map((backend): [string, RecordedBackend] => [
      backend.name,
      {
        ...backend,
        listOwned: guarded(backend.listOwned.bind(backend)),
        probe: guarded(backend.probe.bind(backend)),
        stop: guarded(backend.stop.bind(backend)),
        removeVolume: guarded(backend.removeVolume.bind(backend)),
      },
    ]),
  );
  const gate = createGate({ pool, dispatcher: stage.deps.dispatcher, owner: "mortal/p1", leaseMs: 10_000 });
  const leases = createLeaseKeeper({ renew: gate.renew, leaseMs: 10_000, onError: () => undefined });
  const dispatcher = { ...stage.deps.dispatcher, wake: guarded(stage.deps.dispatcher.wake) };
  return {
    deps: { pool, backends, gate, leases, dispatcher },
    died: () => calls >= last,
    close: () => leases.close(),
  };
}

/** Events that tell of one act: each must have happened once, whatever died in between. */
const ONCE = [
  "workspace.leak.reaped",
  "workspace.offline",
  "workspace.moved",
  "workspace.restart.requested",
  "workspace.hibernate.requested",
  "workspace.pause.requested",
  "workspace.expiring",
  "workspace.expired",
];

describe.each(SWEEP_NAMES)("a worker that dies at any call of %s", (name) => {
  const scene = SCENES[name];
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  beforeEach(() => stage.clear());
  afterAll(() => stage.close());

  it("leaves nothing that the next run doesn't finish, and nothing done twice", async () => {
    for (let last = 1; ; last++) {
      await stage.clear();
      const ids = await scene.make(stage, 1);
      for (let pass = 1; pass < scene.passes; pass++) {
        await stage.run(name);
        await stage.time.advance(60_000);
      }
      await stage.listened();
      const dying = mortal(stage, last);
      await stage.run(name, dying.deps).catch(() => undefined);
      dying.close();
      if (!dying.died()) {
        expect(last, "calls until the run was through").toBeGreaterThan(3);
        break;
      }
      // Its leases run out: of the sweep, and of whatever gate it held.
      for (const ms of [180_000, 60_000]) {
        await stage.time.advance(ms);
        await stage.listened();
        if (name === "idle-hibernation") await stage.beat(ids[0]!);
        await stage.run(name);
      }
      expect(await scene.done(stage, ids), `dead at call ${last}`).toEqual(ids);
      const types = await stage.eventTypes(ids[0]);
      for (const type of ONCE) {
        const times = name.includes("orphans") || name.includes("leaked") ? 2 : 1;
        expect(
          types.filter((one) => one === type).length,
          `${type}, dead at call ${last}`,
        ).toBeLessThanOrEqual(times);
      }
      if (name === "docker-orphans" || name === "leaked-instances")
        expect(
          types.filter((type) => type === "workspace.leak.reaped"),
          `dead at call ${last}`,
        ).toHaveLength(2);
      const { rows } = await stage.pool.query(
        "select 1 from gates where lease_until > clock_timestamp() union all select 1 from sweeps where lease_until > clock_timestamp()",
      );
      expect(rows, `leases left after a death at call ${last}`).toEqual([]);
    }
  });
});
