import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { removeWorkspace } from "@berth/core/requests/delete";
import { requestRestart } from "@berth/core/requests/restart";
import { listLeaks, releaseLeak, retryLeak } from "@berth/core/requests/leaks";
import { why } from "@berth/core/operations/why";
import { countLeaks } from "@berth/core/db/leaks";
import { parsePrices, priceOf } from "@berth/core/domain/prices";
import { livenessOfSweeps } from "@berth/core/sweeps/state";
import { pauseSweep } from "@berth/core/requests/sweeps";
import { BY_TEST } from "../support/fleet.js";
import { openStage, type Stage } from "../sweeps/stage.js";

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
beforeEach(() => stage.clear());
afterAll(() => stage.close());

/** A delete that has used up its attempts. */
async function stuck(): Promise<string> {
  const { id } = await stage.online();
  stage.backend.faults.failBefore = 1;
  await removeWorkspace(stage.deps, id, { cascade: false, ...BY_TEST });
  await stage.settle();
  await stage.time.advance(60_000);
  await stage.settle();
  return id;
}

describe("leaks", () => {
  it("are each open obligation and each unclaimed thing, with what is known of them", async () => {
    const id = await stuck();
    const lost = await stage.leak({ ageMs: 200_000 });
    await stage.run("docker-orphans");
    const leaks = await listLeaks(stage.pool, { prices: { "process/instance": 0.5 } });
    // Those of one delete are to go since the same moment.
    expect(leaks.toSorted((a, b) => (a.source + a.kind).localeCompare(b.source + b.kind))).toMatchObject([
      {
        source: "obligation",
        kind: "instance",
        backend: "process",
        workspace_id: id,
        attempts: 2,
        last_error: { code: "backend_failed" },
        next_attempt_at: expect.any(Date),
        under_way: false,
        why: "its workspace is removed",
        cost_per_hour: 0.5,
      },
      {
        source: "obligation",
        kind: "volume",
        workspace_id: id,
        provider_id: `vol-${id}`,
        cost_per_hour: null,
      },
      {
        source: "unclaimed",
        kind: "instance",
        provider_id: lost,
        sightings: 1,
        why: "its workspace isn't known",
      },
    ]);
    expect(await countLeaks(stage.pool)).toHaveLength(3);
  });

  it("are tried again at once when asked, and end in the list when the provider is well", async () => {
    const id = await stuck();
    const leak = (await listLeaks(stage.pool)).find(({ kind }) => kind === "instance");
    expect(await stage.run("removed-instances"), "in backoff").toMatchObject({ looked_at: 0 });
    await retryLeak(stage.pool, leak!.id, { requestedBy: "alice" });
    expect(await stage.run("removed-instances")).toMatchObject({ looked_at: 1, failed: 1 });
    stage.backend.faults.failBefore = 0;
    await retryLeak(stage.pool, leak!.id, { requestedBy: "alice" });
    expect(await stage.run("removed-instances")).toMatchObject({ released: 1 });
    expect(await listLeaks(stage.pool)).toEqual([]);
    expect(await stage.workspace(id)).toMatchObject({ instance_id: null });
    await expect(retryLeak(stage.pool, leak!.id, { requestedBy: "alice" })).rejects.toMatchObject({
      code: "leak_not_found",
    });
  });

  it("are taken off the list on a person's word, and turn up again if that was wrong", async () => {
    const id = await stuck();
    const of = async (kind: string) => (await listLeaks(stage.pool)).find((leak) => leak.kind === kind)!;
    await expect(
      releaseLeak(stage.pool, (await of("volume")).id, { requestedBy: "alice" }, "host is gone"),
      "I8",
    ).rejects.toMatchObject({ code: "busy" });
    await releaseLeak(stage.pool, (await of("instance")).id, { requestedBy: "alice" }, "host is gone");
    await releaseLeak(stage.pool, (await of("volume")).id, { requestedBy: "alice" }, "host is gone");
    expect(await listLeaks(stage.pool)).toEqual([]);
    const { rows } = await stage.pool.query<{ released: unknown }>(
      "select released from resources where workspace_id = $1",
      [id],
    );
    expect(rows[0]!.released).toMatchObject({ by: "alice", why: "host is gone" });
    expect((await stage.eventTypes(id)).filter((type) => type === "workspace.leak.released")).toHaveLength(2);
    stage.backend.faults.failBefore = 0;
    await stage.time.advance(180_000);
    await stage.run("docker-orphans");
    expect(await listLeaks(stage.pool), "it was still there").toHaveLength(2);
    await stage.time.advance(60_000);
    await stage.run("docker-orphans");
    expect(await stage.things()).toEqual([]);
  });

  it("that were unclaimed and released are left alone from then on", async () => {
    const lost = await stage.leak({ ageMs: 200_000 });
    await stage.run("docker-orphans");
    const [leak] = await listLeaks(stage.pool);
    await releaseLeak(stage.pool, leak!.id, { requestedBy: "alice" }, "mine");
    for (let i = 0; i < 3; i++) {
      await stage.time.advance(60_000);
      await stage.run("docker-orphans");
    }
    expect(await stage.things()).toEqual([lost]);
    expect(await listLeaks(stage.pool)).toEqual([]);
  });

  it("aren't released under an operation that is at work on them", async () => {
    const { id } = await stage.online();
    await removeWorkspace(stage.deps, id, { cascade: false, ...BY_TEST });
    const [leak] = await listLeaks(stage.pool);
    expect(leak).toMatchObject({ under_way: true });
    await expect(releaseLeak(stage.pool, leak!.id, { requestedBy: "alice" }, "x")).rejects.toMatchObject({
      code: "busy",
    });
  });
});

describe("prices", () => {
  it("are those of the type, else of the kind, and of a volume by size", () => {
    const prices = parsePrices('{"ec2/instance": 1, "ec2/instance/t3.small": 2, "ec2/volume": 0.5}');
    const thing = (kind: string, details = {}) => ({ backend: "ec2", kind, details });
    expect(priceOf(prices, thing("instance"))).toBe(1);
    expect(priceOf(prices, thing("instance", { type: "t3.small" }))).toBe(2);
    expect(priceOf(prices, thing("instance", { type: "x9" }))).toBe(1);
    expect(priceOf(prices, thing("volume", { size_gib: 8 }))).toBe(4);
    expect(priceOf(prices, { backend: "other", kind: "instance", details: {} })).toBeNull();
  });

  it.each(["[]", '{"x": 1}', '{"ec2/instance": -1}', '{"ec2/instance": "1"}'])("refuses %s", (text) => {
    expect(() => parsePrices(text)).toThrow(/prices/);
  });
});

describe("why", () => {
  it("tells what an operation in backoff waits for, and its last error", async () => {
    const { id } = await stage.online();
    stage.backend.faults.failBefore = 1;
    const { operation } = await requestRestart(stage.deps, id, BY_TEST);
    expect(await why(stage.pool, id)).toMatchObject({
      waits_for: "worker",
      operation: { id: operation.id, state: "queued" },
    });
    await stage.settle();
    const told = await why(stage.pool, id);
    expect(told).toMatchObject({
      status: "provisioning",
      waits_for: "retry",
      operation: {
        id: operation.id,
        phase: "stop",
        attempt: 1,
        max_attempts: 2,
        next_attempt_at: expect.any(Date),
      },
      last_error: { code: "backend_failed" },
      obligations: [{ kind: "instance", attempts: 1 }],
    });
    expect(told.summary).toMatch(
      /its restart \(attempt 1 of 2\) failed and is tried again at .*the provider failed/,
    );
  });

  it("tells of what a failed delete left, of an agent that hasn't come, and of nothing at all", async () => {
    const id = await stuck();
    expect(await why(stage.pool, id)).toMatchObject({
      status: "removed",
      waits_for: "sweep",
      operation: null,
      last_error: { code: "backend_failed" },
      obligations: [{ kind: expect.any(String) }, { kind: expect.any(String) }],
    });
    stage.backend.faults.failBefore = 0;
    const awaiting = await stage.online({ spec: { command: ["true"], readiness: "agent" as never } });
    expect(await why(stage.pool, awaiting.id)).toMatchObject({ waits_for: "agent" });
    const well = await stage.online();
    expect(await why(stage.pool, well.id)).toMatchObject({
      waits_for: null,
      summary: "It is online: it is where it should be.",
    });
    await expect(why(stage.pool, "11111111-1111-4111-8111-111111111111")).rejects.toMatchObject({
      code: "workspace_not_found",
    });
  });
});

describe("the liveness of sweeps", () => {
  const of = async (name: string) =>
    (await livenessOfSweeps(stage.pool)).find((sweep) => sweep.name === name)!;

  it("tells each sweep's last run, and that one is silent for more than twice its interval", async () => {
    expect(await of("liveness")).toMatchObject({ registered: false, silent: false });
    await stage.run("liveness");
    expect(await of("liveness")).toMatchObject({
      registered: true,
      silent: false,
      last_error: null,
      last_counts: { looked_at: 0 },
    });
    await stage.time.advance(120_000);
    expect(await of("liveness")).toMatchObject({ silent: false });
    await stage.time.advance(1_000);
    expect(await of("liveness")).toMatchObject({ silent: true });
    await pauseSweep(stage.deps.pool, "liveness", true, { requestedBy: "alice" });
    expect(await of("liveness"), "by intent").toMatchObject({
      silent: false,
      paused: true,
      paused_by: "alice",
    });
    expect(await stage.run("liveness")).toBeNull();
    await pauseSweep(stage.deps.pool, "liveness", false, { requestedBy: "alice" });
    await stage.run("liveness");
    expect(await of("liveness")).toMatchObject({ silent: false, paused: false });
  });

  it("tells a run that failed from one that succeeded", async () => {
    stage.backend.faults.onList = () => Promise.reject(new Error("page 2 did not come"));
    await expect(stage.run("docker-orphans")).rejects.toThrow("page 2");
    expect(await of("docker-orphans")).toMatchObject({
      last_error: "page 2 did not come",
      last_success_at: null,
      running: false,
    });
  });
});
