import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Dispatcher } from "@berth/core/gate/dispatcher";
import { cancelOperation } from "@berth/core/requests/cancel";
import { succeeded } from "@berth/core/gate/endings";
import { createGate } from "@berth/core/gate/gate";
import { removeWorkspace } from "@berth/core/requests/delete";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import type { RequestContext } from "@berth/core/requests/accept";
import { requestPause } from "@berth/core/requests/suspend";
import { getWorkspace } from "@berth/core/db/workspaces";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";

const NO_QUEUE: Dispatcher = {
  add: () => Promise.resolve(),
  promote: () => Promise.resolve(false),
  wake: () => Promise.resolve(false),
};

describe("a gate whose holder has died", () => {
  let database: TestDatabase;
  let context: RequestContext;
  beforeAll(async () => {
    database = await createTestDatabase();
    context = { pool: database.pool, dispatcher: NO_QUEUE, maxAttempts: 5 };
  });
  afterAll(() => database.drop());

  const gate = () =>
    createGate({ pool: database.pool, dispatcher: NO_QUEUE, owner: "test", leaseMs: 60_000 });
  const remove = (id: string) => removeWorkspace(context, id, { cascade: false, ...BY_TEST });
  const letLeaseEnd = (id: string) =>
    database.pool.query(
      "update gates set lease_until = clock_timestamp() - interval '1 s' where workspace_id = $1",
      [id],
    );

  /** Online, with nothing to do. */
  async function idle(): Promise<string> {
    const { workspace, operation } = await createWorkspace(context, newWorkspace(), BY_TEST);
    const claimed = await gate().claim(workspace.id, operation.ticket);
    await gate().finish({
      hold: claimed!.hold,
      ...succeeded(operation, (await getWorkspace(database.pool, workspace.id))!),
    });
    return workspace.id;
  }

  it("counts a crash of a delete as a takeover and not as an attempt, however often it is asked for (I7)", async () => {
    const id = await idle();
    const { operation } = await remove(id);
    await gate().claim(id, operation!.ticket);
    for (let takeovers = 1; takeovers <= 3; takeovers++) {
      await letLeaseEnd(id);
      await remove(id);
      const claimed = await gate().claim(id, operation!.ticket);
      expect(claimed?.operation).toMatchObject({ attempt: 1, takeovers });
    }
  });

  it("lets a delete in that has cancelled what waited behind a sweep (I7)", async () => {
    const id = await idle();
    await gate().holdIdle(id);
    await requestRestart(context, id, BY_TEST);
    const { operation } = await remove(id);
    expect(await gate().claim(id, operation!.ticket), "while the sweep holds it").toBeNull();
    await letLeaseEnd(id);
    expect(await gate().claim(id, operation!.ticket)).toMatchObject({ operation: { attempt: 1 } });
  });

  it("lets in what waits behind an operation cancelled by a user, in front of a sweep (I7)", async () => {
    const id = await idle();
    await gate().holdIdle(id);
    const { operation: restart } = await requestRestart(context, id, BY_TEST);
    const { operation: pause } = await requestPause(context, id, BY_TEST);
    expect(await cancelOperation(context, restart.id, BY_TEST)).toMatchObject({ state: "cancelled" });
    await letLeaseEnd(id);
    expect(await gate().claim(id, pause.ticket)).toMatchObject({ operation: { kind: "pause" } });
  });
});
