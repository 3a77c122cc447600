import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createHeartbeats, type Heartbeats } from "@berth/core/agents/heartbeat";
import { requestPause } from "@berth/core/requests/suspend";
import { requestRestart } from "@berth/core/requests/restart";
import { BY_TEST } from "../support/fleet.js";
import { openStage, type Stage } from "../sweeps/stage.js";

const AGENT = { spec: { command: ["true"], readiness: "agent" as never } };

let stage: Stage;
let heartbeats: Heartbeats;
beforeAll(async () => {
  stage = await openStage();
});
beforeEach(async () => {
  await stage.clear();
  heartbeats = createHeartbeats({ pool: stage.pool, owner: "test" });
});
afterAll(() => stage.close());

/** Gives the workspace a token that the test knows. */
async function tokenOf(id: string, token = `token-${id}`): Promise<string> {
  const hash = createHash("sha256").update(token).digest();
  await stage.pool.query("update workspaces set token_hash = $2 where id = $1", [id, hash]);
  return token;
}

describe("heartbeats", () => {
  it("put a workspace that awaits its agent online, degrade it at an error rate of 0.5, and mend it", async () => {
    const { id, status } = await stage.online(AGENT);
    expect(status).toBe("awaiting_agent");
    const token = await tokenOf(id);
    const beat = (errorRate: number) =>
      heartbeats.beat({ workspaceId: id, token, errorRate, activeTasks: 3, uptimeSeconds: 9 });
    expect(await beat(0)).toEqual({ outcome: "ok", generation: 1, status: "online" });
    expect(await beat(0.49)).toMatchObject({ status: "online" });
    expect(await beat(0.5)).toMatchObject({ status: "degraded" });
    expect(await beat(0.1)).toMatchObject({ status: "online" });
    expect(await stage.workspace(id)).toMatchObject({
      status: "online",
      active_tasks: 3,
      last_heartbeat_at: await stage.time.now(),
    });
    expect((await stage.eventTypes(id)).slice(-3)).toEqual([
      "workspace.online",
      "workspace.degraded",
      "workspace.online",
    ]);
    await heartbeats.close();
  });

  it("make no new version while nothing that a user decides by has changed", async () => {
    const { id } = await stage.online();
    const token = await tokenOf(id);
    const { version } = await stage.workspace(id);
    await heartbeats.beat({ workspaceId: id, token, activeTasks: 1 });
    expect(await stage.workspace(id)).toMatchObject({ version, active_tasks: 1 });
    await heartbeats.close();
  });

  it("of an older generation are refused, change nothing, and are told of once (I9)", async () => {
    const { id } = await stage.online();
    const token = await tokenOf(id);
    await requestRestart(stage.deps, id, BY_TEST);
    await stage.settle();
    const before = await stage.workspace(id);
    for (let i = 0; i < 3; i++)
      expect(await heartbeats.beat({ workspaceId: id, token, errorRate: 1 })).toEqual({ outcome: "stale" });
    expect(await stage.workspace(id)).toEqual(before);
    expect((await stage.eventTypes(id)).filter((type) => type === "workspace.heartbeat.stale")).toHaveLength(
      1,
    );
    await heartbeats.close();
  });

  it("of a paused workspace are refused from the moment its pause runs, and unknown ids leave no trace", async () => {
    const { id } = await stage.online();
    const token = await tokenOf(id);
    await requestPause(stage.deps, id, BY_TEST);
    await stage.settle();
    expect(await heartbeats.beat({ workspaceId: id, token })).toEqual({ outcome: "stale" });
    const unknown = "11111111-1111-4111-8111-111111111111";
    expect(await heartbeats.beat({ workspaceId: unknown, token })).toEqual({ outcome: "stale" });
    expect(await stage.eventTypes(unknown)).toEqual([]);
    await heartbeats.close();
  });

  it("judge each claim in a batch by itself: a stale beat can't ride on a good one", async () => {
    const { id } = await stage.online();
    const token = await tokenOf(id);
    const outcomes = await Promise.all(
      ["wrong", token, "other", token].map((one, n) =>
        heartbeats.beat({ workspaceId: id, token: one, activeTasks: n }),
      ),
    );
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(["stale", "ok", "stale", "ok"]);
    expect(await stage.workspace(id)).toMatchObject({ active_tasks: 3 });
    await heartbeats.close();
  });

  it("that have arrived are all recorded when the process ends", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push((await stage.online()).id);
    const tokens = await Promise.all(ids.map((id) => tokenOf(id)));
    const small = createHeartbeats({ pool: stage.pool, owner: "ending", max: 1 });
    const beats = ids.map((workspaceId, n) => small.beat({ workspaceId, token: tokens[n]!, activeTasks: 7 }));
    await small.close();
    const { rows } = await stage.pool.query("select 1 from workspaces where active_tasks = 7");
    expect(rows).toHaveLength(5);
    await Promise.all(beats);
    await expect(small.beat({ workspaceId: ids[0]!, token: tokens[0]! })).rejects.toMatchObject({
      code: "database_unavailable",
    });
    expect((await stage.pool.query("select owner from heartbeat_listeners")).rows).toEqual([
      { owner: "test" },
    ]);
    await heartbeats.close();
  });

  it("are refused at once when more wait than can be taken soon", async () => {
    const { id } = await stage.online();
    const token = await tokenOf(id);
    const narrow = createHeartbeats({ pool: stage.pool, owner: "narrow", maxWaiting: 10 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 15 }, () => narrow.beat({ workspaceId: id, token })),
    );
    expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(5);
    await narrow.close();
    await heartbeats.close();
  });

  it("are absorbed at 10,000 a second: ten thousand agents in a few statements", async () => {
    await stage.pool.query(`
      with made as (
        insert into workspaces (id, name, backend, spec, status, generation, token_hash)
        select gen_random_uuid(), 'w' || n, 'process', '{}', 'online', 1, sha256(n::text::bytea) from generate_series(1, 10000) n
        returning id
      ) insert into gates (workspace_id) select id from made`);
    const { rows } = await stage.pool.query<{ id: string; n: number }>(
      "select id, substr(name, 2)::int as n from workspaces",
    );
    let statements = 0;
    const counted = Object.create(stage.realTime, {
      query: { value: (...args: [string]) => (statements++, stage.realTime.query(...args)) },
    }) as typeof stage.pool;
    const many = createHeartbeats({ pool: counted, owner: "many" });
    const round = () =>
      Promise.all(
        rows.map((row) =>
          many.beat({ workspaceId: row.id, token: String(row.n), activeTasks: 1, errorRate: 0.1 }),
        ),
      );
    const outcomes = await round();
    for (let n = 1; n < 5; n++) await round();
    await many.close();
    expect(outcomes.every(({ outcome }) => outcome === "ok")).toBe(true);
    expect((await stage.pool.query("select 1 from workspaces where active_tasks = 1")).rows).toHaveLength(
      10_000,
    );
    expect(statements).toBeLessThan(100);
    // How fast that is: npm run bench -- heartbeats.
    await heartbeats.close();
  });

  it("know every column of a workspace: one that is added makes a version, or is named here", async () => {
    const { rows } = await stage.pool.query<{ column: string }>(`
      select a.attname as column from pg_attribute a join pg_trigger t on t.tgrelid = a.attrelid
      where t.tgname = 'workspaces_before_update' and a.attnum > 0 and not a.attisdropped
        and not a.attnum = any (string_to_array(t.tgattr::text, ' ')::int2[]) order by 1`);
    expect(rows.map((row) => row.column)).toEqual([
      "active_tasks",
      "contradicted_at",
      "error_rate",
      "expiry_noticed_at",
      "last_active_at",
      "last_checked_at",
      "last_heartbeat_at",
      "restart_tries",
      "restart_tries_since",
      "uptime_seconds",
    ]);
    await heartbeats.close();
  });
});
