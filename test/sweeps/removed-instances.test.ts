import { afterEach, beforeEach, describe, expect, inject, it, vi } from "vitest";
import { listEvents } from "@berth/core/db/events";
import { listResources } from "@berth/core/db/resources";
import { getWorkspace } from "@berth/core/db/workspaces";
import { removeWorkspace } from "@berth/core/requests/delete";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { BY_TEST, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { liveThings } from "../support/recorded-backend.js";
import { ended } from "../support/wait.js";

describe("the removed-instances sweep", () => {
  let fleet: Fleet;
  let id: string;
  beforeEach(async () => {
    fleet = await startFleet({
      redisUrl: inject("redis").url,
      env: { BERTH_RETRY_ATTEMPTS: "2", BERTH_SWEEP_REMOVED_INSTANCES_EVERY_MS: "200" },
    });
    fleet.startWorker();
    const { workspace, operation } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    id = workspace.id;
    await ended(fleet.pool, [operation.id]);
    fleet.backend.faults.failBefore = 1;
  });
  afterEach(() => fleet.close());

  const resources = async () =>
    (await listResources(fleet.pool, id)).map(({ kind, state }) => `${kind} ${state}`).toSorted();

  it("drives a failed delete on until the provider says that all is gone (I4, I7)", async () => {
    const instanceId = (await getWorkspace(fleet.pool, id))!.instance_id;
    const { operation } = await removeWorkspace(fleet.context, id, { cascade: false, ...BY_TEST });
    const [failed] = await ended(fleet.pool, [operation!.id]);
    expect(failed).toMatchObject({
      state: "failed",
      attempt: 2,
      error: { code: "terminate_retry_exhausted" },
    });
    expect(await getWorkspace(fleet.pool, id)).toMatchObject({ status: "removed", instance_id: instanceId });
    await vi.waitFor(async () => {
      const open = (await listResources(fleet.pool, id)).find((row) => row.kind === "instance");
      expect(open!.attempts, "the sweep goes on trying").toBeGreaterThan(3);
      expect(open).toMatchObject({ state: "releasing", last_error: { code: "backend_failed" } });
    });

    fleet.backend.faults.failBefore = 0;
    await vi.waitFor(async () => expect(await resources()).toEqual(["instance gone", "volume gone"]));
    expect(await liveThings(fleet.pool)).toEqual([]);
    expect(await getWorkspace(fleet.pool, id)).toMatchObject({ status: "removed", instance_id: null });
    const types = (await listEvents(fleet.pool, { workspaceId: id, limit: 100 })).map(
      (event) => event.event_type,
    );
    expect(types.filter((type) => type === "workspace.delete.terminate_retry_exhausted")).toHaveLength(1);
    expect(types.at(-1)).toBe("workspace.instance.gone");
  });

  it("takes nothing of a restart whose stop no provider has taken: what ran runs on (I14)", async () => {
    const { operation } = await requestRestart(fleet.context, id, BY_TEST);
    const [failed] = await ended(fleet.pool, [operation.id]);
    expect(failed).toMatchObject({ state: "failed", error: { code: "stop_retry_exhausted" } });
    expect(await getWorkspace(fleet.pool, id)).toMatchObject({ status: "online", generation: 1 });
    expect(await resources()).toEqual(["instance present", "volume present"]);
    fleet.backend.faults.failBefore = 0;
    const again = await requestRestart(fleet.context, id, BY_TEST);
    expect(await ended(fleet.pool, [again.operation.id])).toMatchObject([{ state: "succeeded" }]);
    expect(await getWorkspace(fleet.pool, id)).toMatchObject({ status: "online", generation: 2 });
  });

  it("leaves a workspace alone while an operation of it is unfinished, in backoff too (I1)", async () => {
    const slow = await startFleet({
      redisUrl: inject("redis").url,
      env: {
        BERTH_RETRY_DELAY_MS: "600000",
        BERTH_RETRY_MAX_DELAY_MS: "600000",
        BERTH_SWEEP_REMOVED_INSTANCES_EVERY_MS: "100",
      },
    });
    try {
      slow.startWorker();
      const { workspace, operation } = await createWorkspace(slow.context, newWorkspace(), BY_TEST);
      await ended(slow.pool, [operation.id]);
      slow.backend.faults.failBefore = 1;
      await removeWorkspace(slow.context, workspace.id, { cascade: false, ...BY_TEST });
      const calls = async () =>
        (await slow.pool.query<{ n: number }>("select count(*) as n from provider_calls where call = 'stop'"))
          .rows[0]!.n;
      const runs = async () =>
        (
          await slow.pool.query<{ n: number }>(
            "select count(*) as n from sweep_runs where sweep = 'removed-instances' and finished_at is not null",
          )
        ).rows[0]!.n;
      await vi.waitFor(async () => expect(await calls()).toBe(1));
      await slow.pool.query(
        "update resources set next_attempt_at = now() - interval '1 s' where state = 'releasing'",
      );
      const before = await runs();
      await vi.waitFor(async () => expect(await runs()).toBeGreaterThan(before + 3));
      expect(await calls()).toBe(1);
    } finally {
      await slow.close();
    }
  });
});
