import { createGate } from "@berth/core/gate/gate";
import { requestRestart } from "@berth/core/requests/restart";
import { requestPause } from "@berth/core/requests/suspend";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BY_TEST } from "../support/fleet.js";
import { openStage, type Stage } from "../sweeps/stage.js";

describe("a ticket", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage.close());

  const gateOf = (owner: string, leaseMs = 60_000) =>
    createGate({ pool: stage.pool, dispatcher: stage.deps.dispatcher, owner, leaseMs });

  it("that another worker holds under a living lease can't be claimed, and one whose lease ran out can (I1)", async () => {
    const { id } = await stage.online();
    const { ticket } = (await requestRestart(stage.deps, id, BY_TEST)).operation;
    expect(await gateOf("first").claim(id, ticket)).not.toBeNull();
    expect(await gateOf("second").claim(id, ticket)).toBeNull();
    await stage.pool.query("update gates set lease_until = clock_timestamp() where workspace_id = $1", [id]);
    expect(await gateOf("third").claim(id, ticket)).toMatchObject({
      operation: { attempt: 1, takeovers: 1 },
    });
  });

  it("can't be claimed before those ahead of it have ended (I2)", async () => {
    const { id } = await stage.online();
    const { ticket } = (await requestRestart(stage.deps, id, BY_TEST)).operation;
    await requestPause(stage.deps, id, BY_TEST);
    const gate = gateOf("first");
    expect(await gate.claim(id, ticket + 1)).toBeNull();
    const { hold } = (await gate.claim(id, ticket))!;
    expect(await gate.claim(id, ticket + 1)).toBeNull();
    await gate.handBack(hold);
    expect(await gate.claim(id, ticket + 1)).toBeNull();
  });
});
