import { getOperation } from "@berth/core/db/operations";
import { OPERATION_KINDS, retryOf } from "@berth/core/domain/operation";
import { cancelOperation } from "@berth/core/requests/cancel";
import { requestRestart } from "@berth/core/requests/restart";
import { retryOperation } from "@berth/core/requests/retry";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BY_TEST } from "../support/fleet.js";
import { openStage, type Stage } from "../sweeps/stage.js";

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

describe("a retry", () => {
  it("asks for what failed; of a launch that has left its workspace failed, for a restart", () => {
    expect(Object.fromEntries(OPERATION_KINDS.map((kind) => [kind, retryOf(kind, "failed")]))).toEqual({
      provision: "restart",
      restart: "restart",
      pause: "pause",
      resume: "restart",
      hibernate: "hibernate",
      delete: "delete",
    });
    expect([retryOf("resume", "paused"), retryOf("resume", "hibernated")]).toEqual(["resume", "resume"]);
  });

  it("of a kind that only a newer Berth knows is refused, and restarts nothing (I14)", async () => {
    const { id } = await stage.online();
    const { operation } = await requestRestart(stage.deps, id, BY_TEST);
    await cancelOperation(stage.deps, operation.id, BY_TEST);
    await stage.realTime.query("alter table operations drop constraint operations_kind_check");
    await stage.pool.query("update operations set kind = 'resize' where id = $1", [operation.id]);
    await expect(retryOperation(stage.deps, operation.id, BY_TEST)).rejects.toMatchObject({
      code: "not_retryable",
    });
    expect((await getOperation(stage.pool, operation.id))!.state).toBe("cancelled");
    expect((await stage.workspace(id)).generation).toBe(1);
  });
});
