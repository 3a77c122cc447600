import { rename } from "node:fs/promises";
import { join } from "node:path";
import { getPlace } from "@berth/core/db/places";
import { getWorkspace } from "@berth/core/db/workspaces";
import { getOperation } from "@berth/core/db/operations";
import { confirmPlace } from "@berth/core/requests/places";
import { describe, expect, it, vi } from "vitest";
import { ended } from "../support/wait.js";
import { openScene, type Scene } from "./scene.js";

/** What a worker that reaches another place must not have done. */
async function untouched(scene: Scene, id: string, operation: string): Promise<void> {
  expect(await scene.ledger(id)).toEqual(["instance releasing", "volume releasing"]);
  expect(await getOperation(scene.pool, operation)).toMatchObject({
    state: "queued",
    attempt: 0,
    error: null,
  });
}

describe("from elsewhere nothing is proven (I12)", () => {
  it("a worker on another machine neither deletes, restarts nor judges, and says which two are meant", async () => {
    const scene = await openScene({
      BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "200",
      BERTH_SWEEP_DOCKER_ORPHANS_EVERY_MS: "200",
    });
    const [mine, other] = [await scene.machine(), await scene.machine()];
    const worker = scene.startWorker({ backends: new Map([["process", mine.open()]]) });
    const id = await scene.online();
    await worker.close();

    const wrong = scene.startWorker({ backends: new Map([["process", other.open()]]) });
    const [problem] = await scene.contact("process", "mismatch");
    const place = (await getPlace(scene.pool, "process"))!;
    expect(problem).toMatch(
      /^this worker's machine and data directory carries no identity .*; place process is process:/,
    );
    expect(place).toMatchObject({ last_error: problem });
    expect(await scene.eventsOf("place.mismatch")).toMatchObject([
      { place: "process", recorded: place.identity, identity: null, problem },
    ]);
    const operation = await scene.remove(id);
    // Two rounds of every sweep that asks a provider.
    for (const sweep of ["dispatch", "instance-state", "docker-orphans"])
      await vi.waitFor(
        async () => {
          const { rows } = await scene.pool.query(
            "select 1 from sweep_runs where sweep = $1 and finished_at is not null and started_at > (select created_at from operations where id = $2)",
            [sweep, operation],
          );
          expect(rows.length).toBeGreaterThan(1);
        },
        { timeout: 20_000 },
      );
    await untouched(scene, id, operation);
    expect(await mine.owned()).toEqual(["instance running", "volume"]);
    expect(await other.owned()).toEqual([]);

    await wrong.close();
    scene.startWorker({ backends: new Map([["process", mine.open()]]) });
    await ended(scene.pool, [operation]);
    expect(await mine.owned()).toEqual([]);
    expect(await scene.ledger(id)).toEqual(["instance gone", "volume gone"]);
    expect(await getPlace(scene.pool, "process"), "nothing is wrong with it any more").toMatchObject({
      last_error: null,
    });
  });

  it("one whose path leads elsewhere while it runs stops at once, and goes on when it leads back", async () => {
    const scene = await openScene({ BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "200" });
    const [mine, other] = [await scene.machine(), await scene.machine()];
    mine.open();
    const there = other.open();
    await there.mark!({ signal: new AbortController().signal });
    const path = await scene.path(mine.dataDir);
    scene.startWorker({ backends: new Map([["process", path.open()]]) });
    const id = await scene.online();
    await path.point(other.dataDir);
    const operation = await scene.remove(id);
    const [problem] = await scene.contact("process", "mismatch");
    expect(problem).toContain(`place process is ${(await getPlace(scene.pool, "process"))!.identity}`);
    expect(problem).toContain(await there.identify({ signal: new AbortController().signal }));
    expect(await scene.ledger(id)).toEqual(["instance releasing", "volume releasing"]);
    expect((await getOperation(scene.pool, operation))!.error).toBeNull();
    expect(await getWorkspace(scene.pool, id)).toMatchObject({ status: "removed" });
    await path.point(mine.dataDir);
    await scene.contact("process", "confirmed");
    await ended(scene.pool, [operation]);
    expect(await scene.ledger(id)).toEqual(["instance gone", "volume gone"]);
    expect(await getOperation(scene.pool, operation)).toMatchObject({ state: "succeeded", attempt: 1 });
    expect(await scene.eventsOf("place.mismatch")).toHaveLength(1);
    expect(await scene.eventsOf("place.reached")).toHaveLength(1);
  });

  it("a machine whose data was wiped is another one", async () => {
    const scene = await openScene();
    const machine = await scene.machine();
    const worker = scene.startWorker({ backends: new Map([["process", machine.open()]]) });
    const id = await scene.online();
    await worker.close();
    await rename(join(machine.dataDir, "process"), join(machine.dataDir, "wiped"));
    const again = scene.startWorker({ backends: new Map([["process", machine.open()]]) });
    await scene.contact("process", "mismatch");
    const operation = await scene.remove(id);
    await untouched(scene, id, operation);
    await again.close();
    await rename(join(machine.dataDir, "process"), join(machine.dataDir, "new"));
    await rename(join(machine.dataDir, "wiped"), join(machine.dataDir, "process"));
    scene.startWorker({ backends: new Map([["process", machine.open()]]) });
    await ended(scene.pool, [operation]);
    expect(await scene.ledger(id)).toEqual(["instance gone", "volume gone"]);
  });

  it("one machine isn't two places", async () => {
    const scene = await openScene();
    const machine = await scene.machine();
    scene.startWorker({ backends: new Map([["process", machine.open()]]) });
    await scene.contact("process", "confirmed");
    scene.startWorker({ backends: new Map([["machine-b", machine.open()]]) });
    const { identity } = (await getPlace(scene.pool, "process"))!;
    expect(await scene.contact("machine-b", "taken")).toEqual([
      `what answers as place machine-b is ${identity}, and that is place process`,
    ]);
  });
});

describe("a place that has no identity yet", () => {
  /** As a Berth that knew no places has left it. */
  async function older(scene: Scene): Promise<{ mine: Awaited<ReturnType<Scene["machine"]>>; id: string }> {
    const mine = await scene.machine();
    const worker = scene.startWorker({ backends: new Map([["process", mine.open()]]) });
    const id = await scene.online();
    await worker.close();
    await scene.pool.query("update places set identity = null, identified_at = null");
    return { mine, id };
  }

  it("takes that of the first that has one of its things", async () => {
    const scene = await openScene();
    const { mine, id } = await older(scene);
    scene.startWorker({ backends: new Map([["process", mine.open()]]) });
    await scene.contact("process", "confirmed");
    const operation = await scene.remove(id);
    await ended(scene.pool, [operation]);
    expect(await scene.ledger(id)).toEqual(["instance gone", "volume gone"]);
    expect(await getOperation(scene.pool, operation)).toMatchObject({ state: "succeeded" });
  });

  it("concludes nothing from one that has none of them, and asks an operator", async () => {
    const scene = await openScene();
    const { id } = await older(scene);
    const other = await scene.machine();
    scene.startWorker({ backends: new Map([["process", other.open()]]) });
    const [problem] = await scene.contact("process", "unconfirmed");
    expect(problem).toMatch(/has none of the \d thing\(s\) that the ledger has there/);
    const operation = await scene.remove(id);
    await untouched(scene, id, operation);
    expect(await getPlace(scene.pool, "process")).toMatchObject({ identity: null, last_error: problem });
    expect(await scene.eventsOf("place.unconfirmed")).toHaveLength(1);

    await confirmPlace(scene.pool, "process", null, { requestedBy: "alice" });
    await ended(scene.pool, [operation]);
    expect(await getPlace(scene.pool, "process")).toMatchObject({ confirmed_by: "alice", last_error: null });
    expect(await scene.ledger(id), "she said that its word counts").toEqual(["instance gone", "volume gone"]);
  });
});
