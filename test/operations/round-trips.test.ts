import { createWorkspace } from "@berth/core/requests/create";
import { removeWorkspace } from "@berth/core/requests/delete";
import { requestRestart } from "@berth/core/requests/restart";
import { requestPause } from "@berth/core/requests/suspend";
import { afterAll, beforeAll, expect, it } from "vitest";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { countRoundTrips } from "../support/round-trips.js";
import { openStage, type Stage } from "../sweeps/stage.js";

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

/** What each costs, exactly: more is a loss of speed, and less is to be written here. */
const TABLE = {
  "provision, accepted": { trips: 3, sent: 7, commits: 1 },
  "provision, carried out": { trips: 7, sent: 24, commits: 5 },
  "restart, accepted": { trips: 3, sent: 7, commits: 1 },
  "restart, carried out": { trips: 8, sent: 32, commits: 6 },
  "delete, accepted": { trips: 7, sent: 16, commits: 1 },
  "delete, carried out": { trips: 6, sent: 16, commits: 4 },
};

it("a life of a workspace costs so many round trips to PostgreSQL, and so many commits", async () => {
  const count = async (name: keyof typeof TABLE, work: () => Promise<unknown>): Promise<void> => {
    const texts: string[] = [];
    const cost = await countRoundTrips(work, texts);
    expect(cost, `${name}: ${texts.join("; ")}`).toEqual(TABLE[name]);
  };
  let id = "";
  await count("provision, accepted", async () => {
    id = (await createWorkspace(stage.deps, newWorkspace(), BY_TEST)).workspace.id;
  });
  await count("provision, carried out", () => stage.carryOut(id, 1));
  await count("restart, accepted", () => requestRestart(stage.deps, id, BY_TEST));
  await count("restart, carried out", () => stage.carryOut(id, 2));
  await count("delete, accepted", () => removeWorkspace(stage.deps, id, { cascade: false, ...BY_TEST }));
  await count("delete, carried out", () => stage.carryOut(id, 3));
  expect((await stage.workspace(id)).status).toBe("removed");
  expect(await stage.things(), "left at the provider").toEqual([]);
});

it("a tree is paused, and deleted, in as many statements however large it is", async () => {
  const cost = async (children: number, work: (id: string) => Promise<unknown>) => {
    const { workspace } = await createWorkspace(stage.deps, newWorkspace(), BY_TEST);
    for (let n = 0; n < children; n++)
      await createWorkspace(stage.deps, newWorkspace(undefined, workspace.id), BY_TEST);
    await stage.pool.query("update workspaces set status = 'online' where id = $1 or parent_id = $1", [
      workspace.id,
    ]);
    return countRoundTrips(() => work(workspace.id));
  };
  const pause = (id: string) => requestPause(stage.deps, id, BY_TEST);
  const remove = (id: string) => removeWorkspace(stage.deps, id, { cascade: true, ...BY_TEST });
  expect(await cost(20, pause)).toEqual(await cost(2, pause));
  expect(await cost(20, remove)).toEqual(await cost(2, remove));
});
