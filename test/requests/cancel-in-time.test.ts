import { getOperation } from "@berth/core/db/operations";
import { cancelOperation } from "@berth/core/requests/cancel";
import { removeWorkspace } from "@berth/core/requests/delete";
import { requestRestart } from "@berth/core/requests/restart";
import { retryOperation } from "@berth/core/requests/retry";
import { requestPause } from "@berth/core/requests/suspend";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { BY_TEST } from "../support/fleet.js";
import { openStage, type Stage } from "../sweeps/stage.js";

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
beforeEach(() => stage.clear());
afterAll(() => stage.close());

const cancel = (id: string) => cancelOperation(stage.deps, id, BY_TEST);
const state = async (id: string) => (await getOperation(stage.pool, id))!.state;
const restart = async (id: string) => (await requestRestart(stage.deps, id, BY_TEST)).operation;
const sweep = async () => {
  for (let n = 0; n < 3; n++) {
    await stage.run("removed-instances");
    await stage.time.advance(60_000);
  }
};
/** The answer to the next launch is lost: what it made is there, and its operation is in backoff. */
async function inBackoff(id: string) {
  const { launch } = stage.backend;
  stage.backend.launch = async (...parts) => {
    stage.backend.launch = launch;
    await launch(...parts);
    throw new Error("no answer");
  };
  const operation = await restart(id);
  await stage.settle();
  expect(await state(operation.id)).toBe("running");
  expect(await stage.things(), "what the launch made").toHaveLength(2);
  return operation;
}

describe("a cancelled operation", () => {
  it("in backoff ends without waiting that out, and what it had begun is cleared away (I4)", async () => {
    const { id } = await stage.online();
    const operation = await inBackoff(id);
    await cancel(operation.id);
    expect(stage.woken).toContain(id);
    await stage.pool.query("update operations set next_attempt_at = null where id = $1", [operation.id]);
    await stage.settle();
    expect([await state(operation.id), (await stage.workspace(id)).status]).toEqual(["cancelled", "failed"]);
    await sweep();
    expect(await stage.things()).toEqual([`vol-${id}`]);
    await retryOperation(stage.deps, operation.id, BY_TEST);
    await stage.settle();
    expect((await stage.workspace(id)).status).toBe("online");
  });

  it("lets in what waits behind it", async () => {
    const { id } = await stage.online();
    const first = await inBackoff(id);
    const second = await restart(id);
    await cancel(first.id);
    await stage.pool.query("update operations set next_attempt_at = null where id = $1", [first.id]);
    await stage.settle();
    expect([await state(first.id), await state(second.id)]).toEqual(["cancelled", "succeeded"]);
    expect((await stage.workspace(id)).status).toBe("online");
  });

  it("of which a worker has no word yet ends as its workspace's delete wants it, and nothing is left", async () => {
    const { id } = await stage.online();
    const operation = await restart(id);
    const claimed = (await stage.deps.gate.claim(id, operation.ticket))!;
    await cancel(operation.id);
    await removeWorkspace(stage.deps, id, { cascade: false, ...BY_TEST });
    // Its worker dies; the next one finds the cancellation.
    await stage.pool.query("update gates set lease_until = clock_timestamp() - interval '1 s'");
    await stage.settle();
    expect(await state(operation.id)).toBe("cancelled");
    expect((await stage.workspace(id)).status).toBe("removed");
    expect(await stage.things()).toEqual([]);
    await expect(
      stage.deps.gate.finish({
        hold: claimed.hold,
        state: "succeeded",
        error: null,
        status: "online",
        statusReason: null,
        events: [],
      }),
    ).rejects.toThrow(/another worker/);
  });

  it("of which no step had begun leaves the workspace as it was", async () => {
    const { id } = await stage.online();
    const { operation } = await requestPause(stage.deps, id, BY_TEST);
    await stage.deps.gate.claim(id, operation.ticket);
    await cancel(operation.id);
    await stage.pool.query("update gates set lease_until = clock_timestamp() - interval '1 s'");
    await stage.settle();
    expect([await state(operation.id), (await stage.workspace(id)).status]).toEqual(["cancelled", "online"]);
    await sweep();
    expect(await stage.things()).toHaveLength(2);
  });

  it("whose request to stop no provider has taken leaves what ran as it was, and no sweep ends it (I14)", async () => {
    const { id, instance_id } = await stage.online();
    const { stop } = stage.backend;
    stage.backend.stop = () => Promise.reject(new Error("not now"));
    const { operation } = await requestPause(stage.deps, id, BY_TEST);
    await stage.settle();
    stage.backend.stop = stop;
    expect(await state(operation.id)).toBe("running");
    await cancel(operation.id);
    await stage.pool.query("update operations set next_attempt_at = null where id = $1", [operation.id]);
    await stage.settle();
    expect([await state(operation.id), (await stage.workspace(id)).status]).toEqual(["cancelled", "online"]);
    await sweep();
    expect(await stage.things()).toEqual([instance_id, `vol-${id}`]);
    await restart(id);
    await stage.settle();
    expect((await stage.workspace(id)).status).toBe("online");
  });
});
