import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createExternalBackend } from "@berth/core/compute/external";
import { requestRestart } from "@berth/core/requests/restart";
import { approveSweep } from "@berth/core/requests/sweeps";
import { requestPause } from "@berth/core/requests/suspend";
import { why } from "@berth/core/operations/why";
import { createWorkspace } from "@berth/core/requests/create";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { openStage, type Stage } from "./stage.js";

const MINUTE = 60_000;

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
beforeEach(() => stage.clear());
afterAll(() => stage.close());

describe("the instance-state sweep", () => {
  it("takes a workspace whose instance is dead offline, restarts it with its volume, and says why", async () => {
    const { id, instance_id } = await stage.online();
    await stage.time.advance(MINUTE);
    await stage.kill(instance_id!);
    const [volume] = await stage.things();
    stage.backend.reasonOf = () => "Server.SpotInstanceTermination";
    expect(await stage.run("instance-state")).toMatchObject({ looked_at: 1, restarting: 1 });
    delete stage.backend.reasonOf;
    expect(await stage.workspace(id)).toMatchObject({
      status: "offline",
      status_reason: "instance_gone: Server.SpotInstanceTermination",
    });
    const offline = (await stage.events()).find((event) => event.event_type === "workspace.offline");
    expect(offline!.payload).toMatchObject({
      state: "gone",
      provider_reason: "Server.SpotInstanceTermination",
    });
    await stage.settle();
    expect(await stage.workspace(id)).toMatchObject({ status: "online", generation: 2 });
    expect(await stage.things()).toContain(volume);
    expect((await stage.eventTypes(id)).slice(4)).toEqual([
      "workspace.offline",
      "workspace.restart.requested",
      "workspace.instance.gone",
      "workspace.instance.launched",
      "workspace.restart.succeeded",
      "workspace.online",
    ]);
  });

  it("restarts one whose instance died before its agent was ever heard, long before the provisioning timeout", async () => {
    const { id, instance_id } = await stage.online({
      spec: { command: ["true"], readiness: "agent" as never },
    });
    await stage.time.advance(MINUTE);
    expect(await stage.run("instance-state"), "it runs").toMatchObject({ looked_at: 1, would_act: 0 });
    await stage.kill(instance_id!);
    expect(await stage.run("instance-state")).toMatchObject({ restarting: 1 });
    expect(await stage.workspace(id)).toMatchObject({ status: "offline", status_reason: "instance_gone" });
    await stage.settle();
    expect(await stage.workspace(id)).toMatchObject({ status: "awaiting_agent", generation: 2 });
    await stage.beat(id);
    expect(await stage.workspace(id)).toMatchObject({ status: "online" });
  });

  it("concludes nothing from what can't be told for certain, and looks at the others next (I5)", async () => {
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push((await stage.online()).id);
    await stage.time.advance(MINUTE);
    for (const id of ids) await stage.kill((await stage.workspace(id)).instance_id!);
    stage.backend.faults.onProbe = (states) => new Map([...states.keys()].map((key) => [key, "unknown"]));
    expect(await stage.run("instance-state")).toMatchObject({ looked_at: 3, unknown: 3, would_act: 0 });
    stage.backend.faults.onProbe = () => Promise.reject(new Error("no route to host"));
    expect(await stage.run("instance-state")).toMatchObject({ unknown: 3, would_act: 0 });
    for (const id of ids) expect(await stage.workspace(id)).toMatchObject({ status: "online" });
    const { rows } = await stage.pool.query("select 1 from workspaces where last_checked_at is null");
    expect(rows).toEqual([]);
  });

  it("gives a probe ten seconds, and concludes nothing from one that never answers", async () => {
    const { id, instance_id } = await stage.online();
    await stage.kill(instance_id!);
    stage.backend.faults.onProbe = () => new Promise(() => undefined);
    const settings = { ...stage.settings, probeTimeoutMs: 20 };
    expect(await stage.run("instance-state", { settings })).toMatchObject({ unknown: 1, would_act: 0 });
    expect(await stage.workspace(id)).toMatchObject({ status: "online" });
  });

  it("believes a fresh heartbeat more than a claim of death, and tells of the contradiction once", async () => {
    const { id, instance_id } = await stage.withAgent();
    await stage.time.advance(MINUTE);
    await stage.beat(id);
    await stage.kill(instance_id!);
    await stage.run("instance-state");
    await stage.time.advance(MINUTE / 2);
    expect(await stage.run("instance-state")).toMatchObject({ contradicted: 1, would_act: 0 });
    expect(await stage.workspace(id)).toMatchObject({ status: "online" });
    expect((await stage.eventTypes(id)).filter((type) => type === "workspace.contradiction")).toHaveLength(1);
    await stage.time.advance(MINUTE / 2);
    expect(await stage.run("instance-state")).toMatchObject({ restarting: 1 });
  });

  it("asks the provider once more under the gate", async () => {
    const { instance_id } = await stage.online();
    await stage.time.advance(MINUTE);
    let probes = 0;
    stage.backend.faults.onProbe = (states) =>
      ++probes === 1 ? new Map([...states.keys()].map((key) => [key, "gone"])) : states;
    expect(await stage.run("instance-state")).toMatchObject({ would_act: 1, changed: 1 });
    expect(probes).toBe(2);
    expect(await stage.things()).toContain(instance_id);
  });

  it("waits after a launch, longer each time, and gives up on a crash loop", async () => {
    const { id } = await stage.online();
    const outcomes: string[] = [];
    for (let pass = 0; pass < 60 && (await stage.workspace(id)).status !== "failed"; pass++) {
      await stage.pool.query(
        "update provider_things set removed_at = clock_timestamp() where kind = 'instance'",
      );
      const counts = (await stage.run("instance-state"))!;
      outcomes.push(...["restarting", "offline", "crash_loop"].filter((word) => word in counts));
      await stage.settle();
      await stage.time.advance(MINUTE / 2);
    }
    expect(outcomes.filter((word) => word === "restarting")).toHaveLength(5);
    expect(outcomes[0], "the launch was a moment ago").toBe("offline");
    expect(outcomes.filter((word) => word === "offline").length, "the waits grow").toBeGreaterThan(10);
    expect(await stage.workspace(id)).toMatchObject({
      status: "failed",
      status_reason: expect.stringMatching(/^crash_loop/),
    });
    expect(await stage.eventTypes(id)).toContain("workspace.crash_loop");
    // What was given up is proven gone; the volume stays.
    await stage.run("removed-instances");
    expect(await stage.things()).toEqual([`vol-${id}`]);
    expect(await stage.workspace(id)).toMatchObject({ instance_id: null });
    // A person's restart begins anew.
    await requestRestart(stage.deps, id, BY_TEST);
    await stage.settle();
    await stage.time.advance(MINUTE);
    await stage.kill((await stage.workspace(id)).instance_id!);
    expect(await stage.run("instance-state")).toMatchObject({ restarting: 1 });
  });

  it("leaves a workspace alone that an operation is under way for, in backoff too (I1)", async () => {
    const { id, instance_id } = await stage.online();
    await stage.time.advance(MINUTE);
    stage.backend.faults.failBefore = 1;
    await requestRestart(stage.deps, id, BY_TEST);
    await stage.settle();
    stage.backend.faults.failBefore = 0;
    await stage.kill(instance_id!);
    expect(await stage.run("instance-state")).toMatchObject({ looked_at: 0, would_act: 0 });
  });

  it("leaves one alone whose request has only been accepted, and counts it in no share", async () => {
    const { id, instance_id } = await stage.online();
    await stage.time.advance(MINUTE);
    await stage.kill(instance_id!);
    await requestRestart(stage.deps, id, BY_TEST);
    expect(await stage.run("instance-state")).toMatchObject({ looked_at: 0, would_act: 0 });
  });

  it("drops its restart when a person's request comes while it holds the gate: a pause stays a pause", async () => {
    const { id, instance_id } = await stage.online();
    await stage.time.advance(MINUTE);
    await stage.kill(instance_id!);
    let probes = 0;
    stage.backend.faults.onProbe = async (states) => {
      if (++probes === 2) await requestPause(stage.deps, id, BY_TEST);
      return states;
    };
    expect(await stage.run("instance-state")).toMatchObject({ busy: 1 });
    stage.backend.faults.onProbe = (states) => states;
    await stage.settle();
    expect(await stage.workspace(id)).toMatchObject({ status: "paused", generation: 1 });
    expect(await stage.eventTypes(id)).not.toContain("workspace.restart.requested");
  });

  it.each(["failed", "paused", "hibernated"])(
    "heals none that is %s by the time it holds the gate",
    async (status) => {
      const { id, instance_id } = await stage.online();
      await stage.time.advance(MINUTE);
      await stage.kill(instance_id!);
      const { gate } = stage.deps;
      const holdIdle: typeof gate.holdIdle = async (workspaceId) => {
        await stage.pool.query("update workspaces set status = $2, token_hash = null where id = $1", [
          id,
          status,
        ]);
        return gate.holdIdle(workspaceId);
      };
      expect(await stage.run("instance-state", { gate: { ...gate, holdIdle } })).toMatchObject({
        changed: 1,
      });
      await stage.settle();
      expect(await stage.workspace(id)).toMatchObject({ status, generation: 1 });
    },
  );

  it("says offline at once of all that look dead, holds their restarts where most of a fleet is missing, and says so (I13)", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 6; i++) ids.push((await stage.online()).id);
    await stage.time.advance(MINUTE);
    stage.backend.faults.onProbe = (states) => new Map([...states.keys()].map((key) => [key, "gone"]));
    expect(await stage.run("instance-state")).toMatchObject({ held: 6, would_act: 6 });
    for (const id of ids) {
      expect(await stage.workspace(id)).toMatchObject({
        status: "offline",
        status_reason: expect.stringMatching(/^instance_gone; the breaker holds.*POST .*approve/),
      });
      expect(await why(stage.pool, id)).toMatchObject({
        waits_for: "operator",
        held: [{ sweep: "instance-state", approve: "POST /sweeps/instance-state/approve" }],
        summary: expect.stringContaining("berth sweeps approve instance-state"),
      });
    }
    expect(await stage.eventTypes(ids[0])).toContain("workspace.offline");
    stage.backend.faults.onProbe = (states) => states;
    await stage.time.advance(MINUTE);
    expect(await stage.run("instance-state"), "the picture has changed").toMatchObject({ online: 6 });
    expect(await stage.eventTypes()).toEqual(expect.arrayContaining(["sweep.held", "sweep.released"]));
    expect(
      (await stage.pool.query("select 1 from workspaces where status <> 'online' or generation > 1")).rows,
    ).toEqual([]);
  });

  it("restarts all that an approval was given for, and takes the hold's words off", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 6; i++) ids.push((await stage.online()).id);
    await stage.time.advance(MINUTE);
    for (const id of ids) await stage.kill((await stage.workspace(id)).instance_id!);
    expect(await stage.run("instance-state")).toMatchObject({ held: 6 });
    await approveSweep(stage.pool, { name: "instance-state", place: null }, { requestedBy: "operator" });
    expect(await stage.run("instance-state")).toMatchObject({ restarting: 6 });
    expect(await stage.workspace(ids[0]!)).toMatchObject({
      status: "offline",
      status_reason: "instance_gone",
    });
  });

  it("heals without a person what its provider calls stopped, however many: so many at each look", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 8; i++) ids.push((await stage.online()).id);
    await stage.time.advance(MINUTE);
    await stage.pool.query("update provider_things set state = 'stopped' where kind = 'instance'");
    const settings = { ...stage.settings, restartsAtOnce: 5 };
    expect(await stage.run("instance-state", { settings })).toMatchObject({ restarting: 5, later: 3 });
    for (const id of ids) expect(await stage.workspace(id)).toMatchObject({ status: "offline" });
    await stage.settle();
    await stage.time.advance(MINUTE);
    expect(await stage.run("instance-state", { settings })).toMatchObject({ restarting: 3 });
    await stage.settle();
    for (const id of ids)
      expect(await stage.workspace(id)).toMatchObject({ status: "online", generation: 2 });
  });

  it("calls no crash what ended a host's instances together, or AWS's own doing: it never counts up to a crash loop", async () => {
    const ids = [(await stage.online()).id, (await stage.online()).id];
    for (let n = 0; n < 7; n++) {
      await stage.time.advance(10 * MINUTE);
      await stage.pool.query(
        "update provider_things set state = 'stopped' where kind = 'instance' and removed_at is null",
      );
      expect(await stage.run("instance-state")).toMatchObject({ restarting: 2 });
      await stage.settle();
    }
    stage.backend.reasonOf = () => "Server.SpotInstanceTermination";
    for (let n = 0; n < 7; n++) {
      await stage.time.advance(10 * MINUTE);
      await stage.kill((await stage.workspace(ids[0]!)).instance_id!);
      expect(await stage.run("instance-state")).toMatchObject({ restarting: 1 });
      await stage.settle();
    }
    delete stage.backend.reasonOf;
    for (const id of ids) expect(await stage.workspace(id)).toMatchObject({ status: "online" });
  });

  it("takes a workspace back online whose instance runs after all", async () => {
    const { id, instance_id } = await stage.online();
    await stage.pool.query("update provider_things set state = 'stopped' where id = $1", [instance_id]);
    expect(await stage.run("instance-state")).toMatchObject({ offline: 1 });
    await stage.pool.query("update provider_things set state = 'running' where id = $1", [instance_id]);
    expect(await stage.run("instance-state")).toMatchObject({ online: 1 });
    expect(await stage.workspace(id)).toMatchObject({ status: "online", generation: 1, instance_id });
  });

  it("costs one look at the provider for each 200 workspaces, and reaches all of 10,000 in turn", async () => {
    await stage.pool.query(`
      with made as (
        insert into workspaces (id, name, backend, spec, status, generation, instance_id)
        select gen_random_uuid(), 'w' || n, 'process', '{}', 'online', 1, 'i-' || n from generate_series(1, 10000) n
        returning id, instance_id
      ), gate as (insert into gates (workspace_id) select id from made)
      insert into resources (id, workspace_id, kind, backend, name, client_token, provider_id, generation, state)
      select gen_random_uuid(), id, 'instance', 'process', 'ws-' || id, 't', instance_id, 1, 'present' from made`);
    let probes = 0;
    const asked = new Set<string>();
    stage.backend.faults.onProbe = (states, instances) => {
      probes++;
      for (const one of instances) asked.add(one.workspaceId);
      return new Map([...states.keys()].map((key) => [key, "running"]));
    };
    await stage.pool.query("analyze workspaces; analyze gates; analyze resources");
    for (let pass = 0; pass < 50; pass++) {
      expect(await stage.run("instance-state")).toMatchObject({ looked_at: 200 });
      await stage.time.advance(MINUTE);
    }
    expect(probes).toBe(50);
    expect(asked.size).toBe(10_000);
  });
});

describe("the liveness sweep", () => {
  it("restarts a workspace whose agent was silent for 90 s while Berth listened", async () => {
    await stage.listen();
    await stage.time.advance(10 * MINUTE);
    await stage.pool.query("update heartbeat_listeners set seen_at = clock_timestamp()");
    const { id } = await stage.withAgent();
    await stage.time.advance(89_000);
    await stage.pool.query("update heartbeat_listeners set seen_at = clock_timestamp()");
    expect(await stage.run("liveness")).toMatchObject({ looked_at: 1, would_act: 0 });
    await stage.time.advance(2_000);
    expect(await stage.run("liveness")).toMatchObject({ restarting: 1 });
    expect(await stage.workspace(id)).toMatchObject({ status: "offline", status_reason: "agent_silent" });
    await stage.settle();
    expect(await stage.workspace(id)).toMatchObject({ status: "awaiting_agent", generation: 2 });
    await stage.beat(id);
    expect(await stage.workspace(id)).toMatchObject({ status: "online" });
  });

  it("judges no agent while nobody listens, nor for the grace time after somebody does again", async () => {
    await stage.withAgent();
    await stage.time.advance(10 * MINUTE);
    expect(await stage.run("liveness"), "nobody listens").toMatchObject({ under_grace: 1, would_act: 0 });
    await stage.listen();
    await stage.time.advance(20_000);
    await stage.listen();
    expect(await stage.run("liveness"), "since 20 s").toMatchObject({ under_grace: 1, would_act: 0 });
    for (let i = 0; i < 8; i++) {
      await stage.time.advance(20_000);
      await stage.listen();
    }
    expect(await stage.run("liveness"), "since 180 s").toMatchObject({ restarting: 1 });
    await stage.time.advance(MINUTE);
    await stage.listen();
    expect(await stage.run("liveness"), "the listener itself was away").toMatchObject({ under_grace: 1 });
  });

  it("says of agents that have fallen silent that they are offline, though the breaker holds their restarts (I13)", async () => {
    await stage.listened();
    const ids: string[] = [];
    for (let n = 0; n < 7; n++) ids.push((await stage.withAgent()).id);
    await stage.time.advance(100_000);
    await stage.listened();
    expect(await stage.run("liveness")).toMatchObject({ held: 7 });
    for (const id of ids)
      expect(await stage.workspace(id)).toMatchObject({
        status: "offline",
        status_reason: expect.stringMatching(
          /^agent_silent; the breaker holds its restart: POST .*approve liveness$/,
        ),
      });
    expect(await why(stage.pool, ids[0]!)).toMatchObject({
      waits_for: "operator",
      held: [{ sweep: "liveness", approve: "POST /sweeps/liveness/approve" }],
    });
    expect((await stage.events()).filter((one) => one.event_type === "workspace.offline")).toHaveLength(7);
    await stage.beat(ids[0]!);
    expect(await stage.workspace(ids[0]!)).toMatchObject({ status: "online", status_reason: null });
    expect(await stage.run("liveness")).toMatchObject({ held: 6 });
    await approveSweep(stage.pool, { name: "liveness", place: null }, { requestedBy: "operator" });
    expect(await stage.run("liveness")).toMatchObject({ restarting: 6 });
    expect((await stage.events()).filter((one) => one.event_type === "workspace.offline")).toHaveLength(7);
  });

  it("takes an external workspace offline, and starts nothing", async () => {
    await stage.listened();
    const { id } = await stage.withAgent();
    await stage.pool.query("update workspaces set backend = 'external', place = 'external' where id = $1", [
      id,
    ]);
    await stage.time.advance(91_000);
    await stage.listened();
    const backends = new Map([...stage.deps.backends, ["external", createExternalBackend()] as const]);
    expect(await stage.run("liveness", { backends })).toMatchObject({ looked_at: 1, offline: 1 });
    expect(await stage.workspace(id)).toMatchObject({ status: "offline", status_reason: "agent_silent" });
    expect(await stage.run("liveness", { backends })).toMatchObject({ would_act: 0 });
    await stage.beat(id);
    expect(await stage.workspace(id)).toMatchObject({ status: "online" });
  });

  it("hears an agent that beats at the last moment", async () => {
    await stage.listen();
    await stage.pool.query(
      "update heartbeat_listeners set listening_since = clock_timestamp() - interval '1 hour'",
    );
    const { id } = await stage.withAgent();
    await stage.time.advance(100_000);
    await stage.pool.query("update heartbeat_listeners set seen_at = clock_timestamp()");
    const holdIdle = stage.deps.gate.holdIdle;
    const gate = {
      ...stage.deps.gate,
      holdIdle: async (workspaceId: string) => {
        await stage.beat(id);
        return holdIdle(workspaceId);
      },
    };
    expect(await stage.run("liveness", { gate })).toMatchObject({ would_act: 1, changed: 1 });
    expect(await stage.workspace(id)).toMatchObject({ status: "online" });
  });
});

describe("the provisioning-timeout sweep", () => {
  it("fails a workspace whose agent never registers, releases its instance, and keeps its volume", async () => {
    const { id } = await stage.online({ spec: { command: ["true"], readiness: "agent" as never } });
    expect(await stage.workspace(id)).toMatchObject({ status: "awaiting_agent" });
    await stage.listen();
    for (let i = 0; i < 21; i++) {
      expect(await stage.run("provisioning-timeout")).toMatchObject({ looked_at: 1, would_act: 0 });
      await stage.time.advance(MINUTE / 2);
      await stage.listen().catch(() => undefined);
      await stage.pool.query(
        "update heartbeat_listeners set seen_at = clock_timestamp(), listening_since = clock_timestamp() - interval '1 day'",
      );
    }
    expect(await stage.run("provisioning-timeout")).toMatchObject({ timed_out: 1 });
    expect(await stage.workspace(id)).toMatchObject({
      status: "failed",
      status_reason: expect.stringMatching(/^provisioning_timeout: no agent/),
    });
    await stage.run("removed-instances");
    expect(await stage.things()).toEqual([`vol-${id}`]);
  });

  it("takes one that runs elsewhere offline, which is online as soon as its agent is heard after all (I13)", async () => {
    const backends = new Map([...stage.deps.backends, ["external", createExternalBackend()] as const]);
    const { workspace } = await createWorkspace(
      { pool: stage.pool, dispatcher: stage.deps.dispatcher, maxAttempts: 2 },
      { ...newWorkspace(), backend: "external", spec: {} },
      BY_TEST,
    );
    await stage.pool.query("update workspaces set status = 'awaiting_agent' where id = $1", [workspace.id]);
    await stage.pool.query(
      "update operations set state = 'succeeded', started_at = created_at, finished_at = created_at",
    );
    await stage.pool.query("update gates set head = tail");
    await stage.listened();
    expect(await stage.run("provisioning-timeout", { backends })).toMatchObject({ would_act: 0 });
    await stage.time.advance(11 * MINUTE);
    await stage.listened();
    expect(await stage.run("provisioning-timeout", { backends })).toMatchObject({ offline: 1 });
    expect(await stage.workspace(workspace.id)).toMatchObject({
      status: "offline",
      status_reason: expect.stringMatching(/^provisioning_timeout: no agent has registered within 66\d s$/),
    });
    expect(await why(stage.pool, workspace.id)).toMatchObject({
      waits_for: "agent",
      summary: expect.stringContaining("it is online as soon as its agent is heard"),
    });
    expect(await stage.run("provisioning-timeout", { backends })).toMatchObject({ would_act: 0 });
    await stage.beat(workspace.id);
    expect(await stage.workspace(workspace.id)).toMatchObject({ status: "online" });
  });

  it("doesn't blame an agent that nobody could hear", async () => {
    await stage.online({ spec: { command: ["true"], readiness: "agent" as never } });
    await stage.time.advance(60 * MINUTE);
    expect(await stage.run("provisioning-timeout")).toMatchObject({ would_act: 0 });
  });

  it("fails one that is provisioning and has nothing that would end it", async () => {
    const { id } = await stage.online();
    await stage.pool.query("update workspaces set status = 'provisioning' where id = $1", [id]);
    await stage.pool.query("delete from operations");
    await stage.time.advance(11 * MINUTE);
    expect(await stage.run("provisioning-timeout")).toMatchObject({ timed_out: 1 });
    expect(await stage.workspace(id)).toMatchObject({ status: "failed" });
  });
});

describe("the idle-hibernation sweep", () => {
  it("hibernates what has been idle for longer than it allows", async () => {
    const { id } = await stage.withAgent({ hibernate_after_minutes: 10 as never });
    const never = await stage.withAgent();
    for (let minute = 0; minute < 10; minute++) {
      expect(await stage.run("idle-hibernation"), `after ${minute} min`).toMatchObject({ would_act: 0 });
      await stage.time.advance(MINUTE);
      await stage.beat(id);
      await stage.beat(never.id);
    }
    await stage.time.advance(1_000);
    expect(await stage.run("idle-hibernation")).toMatchObject({ hibernating: 1 });
    await stage.settle();
    expect(await stage.workspace(id)).toMatchObject({ status: "hibernated", instance_id: null });
    expect(await stage.workspace(never.id)).toMatchObject({ status: "online" });
    expect(await stage.things()).toContain(`vol-${id}`);
  });

  it("leaves alone what has a task, a silent agent, a child that runs, or has got a task since it looked", async () => {
    const busy = await stage.withAgent({ hibernate_after_minutes: 1 as never });
    const silent = await stage.withAgent({ hibernate_after_minutes: 1 as never });
    const parent = await stage.withAgent({ hibernate_after_minutes: 1 as never });
    await stage.online({ parent_id: parent.id as never });
    await stage.time.advance(5 * MINUTE);
    // Longer ago than it may be idle, and not so long that it is silent.
    await stage.beat(busy.id, 2);
    await stage.time.advance(80_000);
    await stage.beat(parent.id);
    expect(await stage.run("idle-hibernation")).toMatchObject({ would_act: 0 });
    const late = await stage.withAgent({ hibernate_after_minutes: 1 as never });
    await stage.time.advance(2 * MINUTE);
    await stage.beat(late.id);
    const connect = stage.pool.connect.bind(stage.pool);
    // Between the look and the transaction of the request.
    const pool = Object.create(stage.pool, {
      connect: {
        value: (done?: never) => {
          if (done !== undefined) return connect(done);
          // A short task, done by now: it is idle again, and has not been so for long.
          return stage
            .beat(late.id, 1)
            .then(() => stage.beat(late.id, 0))
            .then(() => connect());
        },
      },
    });
    expect(await stage.run("idle-hibernation", { pool })).toMatchObject({ would_act: 1, changed: 1 });
    for (const { id } of [busy, silent, parent, late])
      expect(await stage.workspace(id)).toMatchObject({ status: "online" });
  });
});

describe("the retention sweep", () => {
  it("forgets what is old enough and no more", async () => {
    const { id } = await stage.online();
    await requestRestart(stage.deps, id, BY_TEST);
    await stage.settle();
    await stage.time.advance(31 * 24 * 60 * MINUTE);
    await requestPause(stage.deps, id, BY_TEST);
    await stage.settle();
    await stage.run("retention");
    const { rows } = await stage.pool.query("select kind from operations");
    expect(rows).toEqual([{ kind: "pause" }]);
    expect(await stage.eventTypes()).toContain("workspace.provisioning");
    const { rows: ledger } = await stage.pool.query(
      "select kind, generation, state from resources order by kind, generation",
    );
    expect(ledger, "the instance of the first generation is long gone").toEqual([
      { kind: "instance", generation: 2, state: "gone" },
      { kind: "volume", generation: 1, state: "present" },
    ]);
    await stage.time.advance(60 * 24 * 60 * MINUTE);
    await stage.run("retention");
    expect(await stage.eventTypes()).not.toContain("workspace.provisioning");
  });

  it("keeps the last 1,000 runs of each sweep, and of each place's", async () => {
    await stage.run("dispatch");
    await stage.pool.query("insert into sweeps (name) values ('dispatch@process')");
    await stage.pool.query(
      `insert into sweep_runs (sweep, owner) select name, 'test' from sweeps, generate_series(1, 1001)`,
    );
    await stage.run("retention");
    const { rows } = await stage.pool.query(
      "select sweep, count(*)::int as kept from sweep_runs where sweep <> 'retention' group by sweep order by sweep",
    );
    expect(rows.map(({ sweep }) => sweep)).toEqual(["dispatch", "dispatch@process"]);
    expect(new Set(rows.map(({ kept }) => kept))).toEqual(new Set([1_000]));
  });
});
