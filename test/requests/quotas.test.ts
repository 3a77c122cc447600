import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { getQuotaUse } from "@berth/core/db/quotas";
import { parseLabel, type SizeLimits, sizeOf } from "@berth/core/domain/quota";
import type { Spec } from "@berth/core/domain/spec";
import { cancelOperation } from "@berth/core/requests/cancel";
import { removeQuota, setQuota } from "@berth/core/requests/quotas";
import { removeWorkspace } from "@berth/core/requests/delete";
import { createWorkspace } from "@berth/core/requests/create";
import { patchWorkspace } from "@berth/core/requests/patch";
import { requestRestart } from "@berth/core/requests/restart";
import { retryOperation } from "@berth/core/requests/retry";
import { requestHibernate, requestPause } from "@berth/core/requests/suspend";
import { requestResume } from "@berth/core/requests/resume";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { openStage, type Stage } from "../sweeps/stage.js";

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
beforeEach(async () => {
  await stage.clear();
  await stage.pool.query("truncate workspace_labels, quotas");
});
afterAll(() => stage.close());

const RED = { labels: { team: "red" } as never };
const allow = (label: string, limit: number) =>
  setQuota(stage.pool, parseLabel(label)!, { max_running: limit }, BY_TEST);
const running = async (label: string) => (await getQuotaUse(stage.pool, parseLabel(label)!))!.running;
const create = async (extra: object = RED) =>
  (await createWorkspace(stage.deps, { ...newWorkspace(), ...extra }, BY_TEST)).workspace;
const exceeded = (fields: object = {}) =>
  expect.objectContaining({ code: "quota_exceeded", details: expect.objectContaining(fields) });
const paused = async () => {
  const { id } = await stage.online(RED);
  await requestPause(stage.deps, id, BY_TEST);
  await stage.settle();
  return id;
};

describe("a quota", () => {
  it("refuses one workspace more than it allows, and says which label is full, of what, and what makes room", async () => {
    await allow("team:red", 2);
    const first = await create({ ...RED, name: "first" });
    await stage.time.advance(1);
    const second = await create();
    await expect(create()).rejects.toEqual(
      exceeded({
        label: "team:red",
        quota: "team:red",
        max_running: 2,
        running: 2,
        workspaces: [
          { id: first.id, name: "first", status: "provisioning" },
          expect.objectContaining({ id: second.id }),
        ],
      }),
    );
    await expect(create()).rejects.toThrow(
      /label team:red run, and 2 do: delete, pause or hibernate one of them first, such as .*\(first\)/,
    );
    await create({ labels: { team: "blue" } });
    await create({ labels: {} });
  });

  it.each(["removeWorkspace", "requestPause", "requestHibernate"] as const)(
    "gives a place back when a %s is accepted, though nothing of it has been done",
    async (request) => {
      await allow("team:red", 1);
      const { id } = await stage.online(RED);
      await expect(create()).rejects.toEqual(exceeded());
      const options = { ...BY_TEST, cascade: true };
      await { removeWorkspace, requestPause, requestHibernate }[request](stage.deps, id, options);
      expect(await running("team:red")).toBe(0);
      await create();
      // A provider that is down keeps a delete's instance, and not its place.
      if (request !== "removeWorkspace") return;
      stage.backend.faults.failBefore = 1;
      await stage.settle();
      expect(await running("team:red")).toBe(1);
    },
  );

  it("gives the places of a whole tree back with its root's pause or delete", async () => {
    await allow("team:red", 3);
    const root = await stage.online(RED);
    await stage.online({ ...RED, parent_id: root.id as never });
    await stage.online({ ...RED, parent_id: root.id as never });
    expect(await running("team:red")).toBe(3);
    await requestPause(stage.deps, root.id, BY_TEST);
    expect(await running("team:red")).toBe(0);
    await stage.settle();
    await requestResume(stage.deps, root.id, BY_TEST);
    // Its descendants stay as they are.
    expect(await running("team:red")).toBe(1);
    await removeWorkspace(stage.deps, root.id, { ...BY_TEST, cascade: true });
    expect(await running("team:red")).toBe(0);
  });

  it("gives nothing back by a failure: what failed may be restarted at any time", async () => {
    await allow("team:red", 1);
    stage.backend.faults.failBefore = 1;
    const { id } = await create();
    await stage.settle();
    await stage.time.advance(60_000);
    await stage.settle();
    expect((await stage.workspace(id)).status).toBe("failed");
    await expect(create()).rejects.toEqual(exceeded({ workspaces: [expect.objectContaining({ id })] }));
    stage.backend.faults.failBefore = 0;
    await requestRestart(stage.deps, id, BY_TEST);
    await stage.settle();
    expect((await stage.workspace(id)).status).toBe("online");
  });

  it("counts a workspace again whose pause failed, above the limit if its place was given away", async () => {
    await allow("team:red", 1);
    const { id } = await stage.online(RED);
    await requestPause(stage.deps, id, BY_TEST);
    const other = await create();
    stage.backend.faults.failBefore = 1;
    await stage.settle();
    await stage.time.advance(60_000);
    await stage.settle();
    // Nobody took the stop, so it is as it was.
    expect((await stage.workspace(id)).status).toBe("online");
    expect(await running("team:red")).toBe(2);
    await removeWorkspace(stage.deps, other.id, { ...BY_TEST, cascade: false });
    await expect(create()).rejects.toEqual(exceeded({ running: 1 }));
  });

  it("refuses what would start a workspace again: resume, its retry, and cancelling its pause", async () => {
    await allow("team:red", 1);
    const sleeper = await paused();
    const { id } = await stage.online(RED);
    const here = { label: "team:red", max_running: 1, running: 1 };
    await expect(requestResume(stage.deps, sleeper, BY_TEST)).rejects.toEqual(
      exceeded({ ...here, workspaces: [expect.objectContaining({ id, status: "online" })] }),
    );
    const { operation } = await requestPause(stage.deps, id, BY_TEST);
    const resume = await requestResume(stage.deps, sleeper, BY_TEST);
    await expect(cancelOperation(stage.deps, operation.id, BY_TEST)).rejects.toEqual(exceeded(here));
    // What is asked again is served by what was accepted.
    expect((await requestResume(stage.deps, sleeper, BY_TEST)).operation.id).toBe(resume.operation.id);
    await cancelOperation(stage.deps, resume.operation.id, BY_TEST);
    expect(await running("team:red")).toBe(0);
    await cancelOperation(stage.deps, operation.id, BY_TEST);
    expect(await running("team:red")).toBe(1);
    await expect(retryOperation(stage.deps, resume.operation.id, BY_TEST)).rejects.toEqual(exceeded(here));
    expect((await stage.workspace(sleeper)).status).toBe("paused");
  });

  it("keeps the place of a workspace whose running pause is asked to stop, since it may", async () => {
    await allow("team:red", 1);
    const { id } = await stage.online(RED);
    const { operation } = await requestPause(stage.deps, id, BY_TEST);
    const claimed = await stage.deps.gate.claim(id, operation.ticket);
    await cancelOperation(stage.deps, operation.id, BY_TEST);
    await expect(create()).rejects.toEqual(exceeded());
    await stage.deps.gate.handBack(claimed!.hold);
    await stage.settle();
    expect(await running("team:red")).toBe(1);
    // Also of what is removed an operation may be cancelled, whatever is full.
    await removeWorkspace(stage.deps, id, { ...BY_TEST, cascade: false });
    expect(await running("team:red")).toBe(0);
  });

  it("needs no room for what counts already: restarts, also by sweeps, whatever its limit has become", async () => {
    await allow("team:red", 2);
    const one = await stage.withAgent(RED);
    const two = await stage.online(RED);
    await allow("team:red", 0);
    expect((await stage.workspace(two.id)).status).toBe("online");
    await requestRestart(stage.deps, two.id, BY_TEST);
    await stage.settle();
    await stage.time.advance(3_600_000);
    await stage.kill(one.instance_id!);
    expect(await stage.run("instance-state")).toMatchObject({ restarting: 1 });
    await stage.settle();
    expect((await stage.workspace(one.id)).generation).toBe(2);
    expect(await running("team:red")).toBe(2);
    await expect(create()).rejects.toThrow(/lets 0 workspace.*none may/);
    await allow("team:red", 1);
    await expect(create()).rejects.toThrow("2 of them first");
  });

  it("of name:* holds for each value alone, and less than one of its own", async () => {
    await allow("team:*", 1);
    await allow("team:blue", 2);
    await create({ labels: { team: "red" } });
    await create({ labels: { team: "green" } });
    for (let n = 0; n < 2; n++) await create({ labels: { team: "blue" } });
    await expect(create({ labels: { team: "red" } })).rejects.toEqual(
      exceeded({ label: "team:red", quota: "team:*" }),
    );
    await expect(create({ labels: { team: "blue" } })).rejects.toEqual(exceeded({ quota: "team:blue" }));
    expect(await getQuotaUse(stage.pool, { key: "team", value: "*" })).toMatchObject({
      running: 1,
      fullest: [
        { value: "green", running: 1 },
        { value: "red", running: 1 },
      ],
    });
    await removeQuota(stage.pool, { key: "team", value: "blue" }, BY_TEST);
    await expect(create({ labels: { team: "blue" } })).rejects.toEqual(exceeded({ running: 2 }));
  });

  it("must have room of each label", async () => {
    await allow("team:red", 5);
    await allow("tier:gpu", 1);
    await create({ labels: { team: "red", tier: "gpu" } });
    await expect(create({ labels: { team: "red", tier: "gpu" } })).rejects.toEqual(
      exceeded({ label: "tier:gpu" }),
    );
    expect(await running("team:red")).toBe(1);
  });

  it("is asked when labels are changed: for those that are new, of a workspace that counts", async () => {
    await allow("team:red", 1);
    const member = await create({ labels: { team: "red", step: "1" } });
    const other = await stage.online({ labels: { team: "blue" } as never });
    const relabel = (id: string, labels: Record<string, string>) =>
      patchWorkspace(stage.deps, id, { labels }, BY_TEST);
    await relabel(member.id, { team: "red", step: "2" });
    await expect(relabel(other.id, { team: "red" })).rejects.toEqual(
      exceeded({ workspaces: [expect.objectContaining({ id: member.id })] }),
    );
    expect((await stage.workspace(other.id)).labels).toEqual({ team: "blue" });
    const { operation } = await requestPause(stage.deps, other.id, BY_TEST);
    await relabel(other.id, { team: "red" });
    expect(await running("team:red")).toBe(1);
    await expect(cancelOperation(stage.deps, operation.id, BY_TEST)).rejects.toEqual(exceeded());
    await relabel(member.id, {});
    expect(await running("team:red")).toBe(0);
    await cancelOperation(stage.deps, operation.id, BY_TEST);
    expect(await running("team:red")).toBe(1);
  });

  it("counts what runs elsewhere and children as any other; labels aren't inherited", async () => {
    await allow("team:red", 2);
    const root = await create();
    await create({ parent_id: root.id });
    await create({ ...RED, parent_id: root.id, backend: "external", spec: {} });
    await expect(create({ ...RED, backend: "external", spec: {} })).rejects.toEqual(exceeded());
  });

  it("counts what there was before it", async () => {
    const ids = [await create(), await create(), await create()].map(({ id }) => id);
    const rest = await paused();
    await removeWorkspace(stage.deps, ids[0]!, { ...BY_TEST, cascade: false });
    await allow("team:red", 3);
    expect(await running("team:red")).toBe(2);
    await requestResume(stage.deps, rest, BY_TEST);
    await expect(create()).rejects.toEqual(exceeded({ running: 3 }));
  });
});

describe("what a quota costs", () => {
  it("is one statement for labels without one, and none without labels", async () => {
    const statements: string[] = [];
    const counting = new Proxy(stage.pool, {
      get(pool, name) {
        const other = Reflect.get(pool, name) as unknown;
        if (name !== "connect") return typeof other === "function" ? other.bind(pool) : other;
        return async () => {
          const client = await pool.connect();
          return new Proxy(client, {
            get(target, what) {
              const value = Reflect.get(target, what) as unknown;
              if (what !== "query") return typeof value === "function" ? value.bind(target) : value;
              return (text: string, values?: unknown[]) => {
                statements.push(text);
                return target.query(text, values);
              };
            },
          });
        };
      },
    });
    const cost = async (labels: object): Promise<{ all: number; locks: number }> => {
      statements.length = 0;
      await createWorkspace(
        { ...stage.deps, pool: counting },
        { ...newWorkspace(), labels: labels as never },
        BY_TEST,
      );
      return {
        all: statements.length,
        locks: statements.filter((text) => text.includes("advisory")).length,
      };
    };
    await allow("team:blue", 9);
    const bare = await cost({});
    expect(await cost({ team: "red", tier: "2" })).toEqual({ ...bare, all: bare.all + 1 });
    expect(await cost({ team: "blue" })).toEqual({ all: bare.all + 3, locks: bare.locks + 1 });
  });

  it("counts those that run by an index, however many have had the label", async () => {
    await stage.pool.query(
      `insert into workspace_labels (key, value, created_at, workspace_id, running)
       select 'team', 'red', now() - n * interval '1 second', gen_random_uuid(), n % 1000 = 0
       from generate_series(1, 50000) n`,
    );
    await stage.pool.query("analyze workspace_labels");
    await allow("team:red", 100);
    const { rows } = await stage.pool.query<{ "QUERY PLAN": string }>(
      "explain select count(*) from workspace_labels l where l.running and l.key = 'team' and l.value = 'red'",
    );
    expect(rows.map((row) => row["QUERY PLAN"]).join("\n")).toContain("workspace_labels_running");
    expect(await running("team:red")).toBe(50);
  });

  it("asked for with an odd label has no quota", () => {
    for (const text of ["red", ":red", "te am:red", "team:\u0000", "team:a\nb", `team:${"x".repeat(257)}`])
      expect(parseLabel(text), JSON.stringify(text)).toBeNull();
    expect(parseLabel("a/b.c:d:e")).toEqual({ key: "a/b.c", value: "d:e" });
    expect(parseLabel(`team:${"😀".repeat(256)}`)?.value).toHaveLength(512);
    expect(parseLabel("team:")).toEqual({ key: "team", value: "" });
    expect(parseLabel(randomUUID())).toBeNull();
  });
});

describe("a quota of what workspaces take together", () => {
  const docker = (labels: Record<string, string>, spec: Spec = {}) =>
    createWorkspace(
      stage.deps,
      { ...newWorkspace(), backend: "process", labels, spec: { ...newWorkspace().spec, ...spec } },
      BY_TEST,
    );
  const limit = (label: string, limits: Partial<SizeLimits>) =>
    setQuota(stage.pool, parseLabel(label)!, { max_running: 100, ...limits }, BY_TEST);

  it.each([
    [{ max_memory_mb: 3_000 }, "memory_mb"],
    [{ max_cpus: 2 }, "cpus"],
  ] as const)("of %o refuses what would go beyond it, by a tier's figures as well", async (limits, use) => {
    await limit("size:a", limits);
    await docker({ size: "a" }, { tier: 1 });
    await docker({ size: "a" }, { tier: 2 });
    await expect(docker({ size: "a" }, { tier: 2 })).rejects.toMatchObject({
      code: "quota_exceeded",
      details: { quota: "size:a", [use]: use === "cpus" ? 1.5 : 2_560 },
    });
    await docker({ size: "a" }, { memory_mb: 400, cpus: 0.25 });
  });

  it("lets a workspace shrink, and grow only within it", async () => {
    await limit("size:b", { max_memory_mb: 2_560 });
    const { workspace } = await docker({ size: "b" }, { tier: 2 });
    const change = (memory_mb: number) =>
      patchWorkspace(stage.deps, workspace.id, { spec: { ...newWorkspace().spec, memory_mb } }, BY_TEST);
    await expect(change(2_561)).rejects.toMatchObject({ code: "quota_exceeded" });
    await change(2_560);
    await limit("size:b", { max_memory_mb: 1 });
    await change(2_000);
  });

  it("of waiting operations refuses what would start one more, to be tried again", async () => {
    await limit("size:c", { max_waiting: 2 });
    await docker({ size: "c" });
    const { workspace } = await docker({ size: "c" });
    await expect(docker({ size: "c" })).rejects.toMatchObject({
      code: "queue_full",
      details: { waiting: 2 },
    });
    await stage.carryOut(workspace.id, 1);
    await docker({ size: "c" });
  });

  it("counts in SQL as in code", async () => {
    for (const spec of [
      {},
      { tier: 1 },
      { tier: 2 },
      { tier: 3 },
      { tier: 3, memory_mb: 100, cpus: 0.1 },
    ] as Spec[]) {
      const { rows } = await stage.pool.query<{ memory_mb: number; cpus: number }>(
        "select spec_memory_mb($1)::float8 as memory_mb, spec_cpus($1)::float8 as cpus",
        [JSON.stringify(spec)],
      );
      expect(sizeOf("docker", spec)).toMatchObject(rows[0]!);
    }
  });
});
