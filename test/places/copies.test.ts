import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Backend } from "@berth/core/compute/backend";
import { BackendError, type BackendErrorCode } from "@berth/core/compute/backend-error";
import { createProcessBackend } from "@berth/core/compute/process/backend";
import { createLogger } from "@berth/core/base/logger";
import { watchCopies, type CopyWatch } from "@berth/core/places/copies";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createTestDatabase } from "../support/postgres.js";
import { INSTALLATION } from "../support/installations.js";
import { openScene } from "./scene.js";

const logger = createLogger({ logLevel: "silent" }, "test");
const { signal } = new AbortController();

/** A machine, and databases with one installation's id that look after it. */
async function openMachine() {
  const dataDir = await mkdtemp(join(tmpdir(), "copies-"));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const backend = createProcessBackend({ dataDir, deploymentId: "berth", installationId: INSTALLATION });
  return {
    backend,
    async database() {
      const database = await createTestDatabase();
      onTestFinished(() => database.drop());
      return {
        pool: database.pool,
        watch: (staleMs = 60_000) => watchCopies(database.pool, logger, { everyMs: 0, staleMs }),
        /** As if its newest note were older than it may become. */
        anotherNote: () =>
          database.pool.query("update installation_notes set made_at = made_at - interval '1 minute'"),
      };
    },
  };
}

describe("copies of a database, which have one installation's id (I10)", () => {
  it("the one that is there first goes on, the other holds, and both say so", async () => {
    const { backend, database } = await openMachine();
    const [original, copy] = [await database(), await database()];
    const [first, second] = [original.watch(), copy.watch()];
    expect(await first.look("process", backend, signal)).toEqual({ atWork: "us", problem: null });
    const held = await second.look("process", backend, signal);
    expect(held).toMatchObject({ atWork: "another" });
    expect(held.problem).toMatch(/looked after by another copy of this installation's database.*--new-inst/);
    const told = await first.look("process", backend, signal);
    expect(told).toMatchObject({ atWork: "us" });
    expect(told.problem).toMatch(
      /^a copy of this installation's database has been started and reaches place/,
    );
  });

  it("a database knows its own notes again, whichever process left them and however often they change", async () => {
    const { backend, database } = await openMachine();
    const one = await database();
    const [worker, another] = [one.watch(), one.watch()];
    const seen = new Set<string>();
    for (const watch of [worker, another, worker, another]) {
      expect(await watch.look("process", backend, signal)).toEqual({ atWork: "us", problem: null });
      for (const note of await backend.notes!.read("at-work", signal)) seen.add(note);
      await one.anotherNote();
    }
    expect(seen.size).toBe(4);
    expect(await backend.notes!.read("waiting", signal)).toEqual([]);
  });

  it("one that was restored, or whose copy has ended, goes on once the other's notes stand still", async () => {
    const { backend, database } = await openMachine();
    const [lost, restored] = [await database(), await database()];
    await lost.watch().look("process", backend, signal);
    const watch = restored.watch(300);
    expect(await watch.look("process", backend, signal)).toMatchObject({ atWork: "another" });
    // As long as it lives it makes another now and then, and each begins the wait anew.
    await lost.anotherNote();
    await lost.watch().look("process", backend, signal);
    expect(await watch.look("process", backend, signal)).toMatchObject({ atWork: "another" });
    await vi.waitFor(
      async () =>
        expect(await watch.look("process", backend, signal)).toEqual({ atWork: "us", problem: null }),
      { timeout: 10_000, interval: 50 },
    );
    expect(await lost.watch().look("process", backend, signal)).toMatchObject({ atWork: "another" });
  });

  it("what can't be asked holds nobody who has worked there, and lets nobody begin", async () => {
    const { backend, database } = await openMachine();
    const one = await database();
    let fails: BackendErrorCode | null = null;
    const shaky: Backend = {
      ...backend,
      notes: {
        ...backend.notes!,
        async read(role) {
          if (fails !== null) throw new BackendError(fails, "transient", "no");
          return backend.notes!.read(role, signal);
        },
      },
    };
    const looks = (watch: CopyWatch) => watch.look("process", shaky, signal);
    const working = one.watch();
    await looks(working);
    fails = "backend_unreachable";
    expect(await looks(working)).toEqual({ atWork: "us", problem: null });
    await expect(looks(one.watch())).rejects.toThrow("no");
    fails = "backend_failed";
    expect(await looks(one.watch()), "an older policy may lack the right").toMatchObject({ atWork: "us" });
  });
});

it("a worker on a copy touches nothing: it neither reaps, heals nor begins, and says why (I10, I13)", async () => {
  const hasty = {
    BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "200",
    BERTH_SWEEP_DOCKER_ORPHANS_EVERY_MS: "200",
    BERTH_LEAK_GRACE_MS: "1",
    BERTH_LEAK_SECOND_SIGHTING_MS: "0",
  };
  const scene = await openScene(hasty);
  const machine = await scene.machine();
  const worker = scene.startWorker({ backends: new Map([["process", machine.open()]]) });
  await scene.online();
  const copy = await openScene(hasty);
  const second = copy.startWorker({ backends: new Map([["process", machine.open()]]) });
  const [problem] = await copy.contact("process", "copied");
  expect(problem).toContain("nothing there is touched");
  expect(await copy.eventsOf("place.copied")).toMatchObject([{ place: "process", problem }]);
  expect(second.served()).toEqual([]);
  // Told at its next look but one, and at work all the same.
  await vi.waitFor(async () => expect(await scene.eventsOf("place.copied")).toHaveLength(1), {
    timeout: 30_000,
    interval: 100,
  });
  expect(worker.served()).toEqual(["process"]);
  await scene.online({ name: "while-it-waits" });
  expect(await machine.owned()).toEqual(["instance running", "instance running", "volume", "volume"]);
});
