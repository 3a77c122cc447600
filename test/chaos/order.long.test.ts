import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, inject, it } from "vitest";
import { BerthError } from "@berth/core/base/errors";
import { removeWorkspace } from "@berth/core/requests/delete";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { BY_TEST, fleetEnvironment, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { liveThings, overlappingCalls } from "../support/recorded-backend.js";
import { startWorkerProcess, type TestProcess } from "../support/worker-process.js";
import { seededRandom } from "../support/worker-process-random.js";
import { expectNoBreach, expectOrder, expectSettled, expectTrueLedger, watchProvider } from "./audit.js";
import { settled } from "./settled.js";

/** `BERTH_TEST_SEED` repeats a run's requests and the provider's moods; not the processes' interleaving. */
const SEED = Number(process.env.BERTH_TEST_SEED ?? randomInt(2 ** 31));
const TREE = 4;

describe.each([
  { store: "redis", workspaces: 200, requests: 2_000 },
  { store: "postgres", workspaces: 40, requests: 400 },
] as const)("$requests requests for $workspaces workspaces on the $store queue", (size) => {
  let fleet: Fleet;
  const workers: TestProcess[] = [];
  afterEach(async () => {
    await Promise.all(workers.map((worker) => worker.kill()));
    await fleet.close();
  });

  it(`never overlap (I1, I8), keep their order (I2), all end (I7), and leave nothing; seed ${SEED}`, async () => {
    const redisUrl = size.store === "redis" ? inject("redis").url : null;
    // With few attempts some operations fail for good, and their successors must go on all the same.
    const env = { BERTH_RETRY_ATTEMPTS: "3", BERTH_CONCURRENCY: "16" };
    fleet = await startFleet({ redisUrl, env });
    await watchProvider(fleet.pool);
    workers.push(
      ...(await Promise.all(
        [1, 2].map((n) =>
          startWorkerProcess(fleetEnvironment(fleet.database.url, redisUrl, env), {
            latencyMs: 5,
            failBefore: 0.04,
            failAfter: 0.04,
            seed: SEED + n,
          }),
        ),
      )),
    );

    const random = seededRandom(SEED);
    const perTree = (TREE * size.requests) / size.workspaces;
    const dice = Array.from({ length: size.workspaces / TREE }, () => seededRandom(random() * 2 ** 32));
    const busy = watchBusy(fleet);
    const made = await Promise.all(dice.map((die) => useTree(fleet, die, perTree, busy)));
    await settled(fleet.pool);
    busy.close();
    await deleteAgain(fleet);

    await expectSettled(fleet.pool);
    await expectNoBreach(fleet.pool);
    await expectOrder(fleet.pool);
    await expectTrueLedger(fleet.pool);
    expect(await overlappingCalls(fleet.pool)).toEqual([]);
    expect(await liveThings(fleet.pool), "what the provider has after all deletes").toEqual([]);
    expect(made.reduce((sum, n) => sum + n, 0)).toBeGreaterThan(size.requests * 0.9);
    const { rows } = await fleet.pool.query<{ kind: string; state: string; n: number }>(
      `select kind, state, count(*) as n, count(*) filter (where attempt > 1) as retried,
         sum(takeovers)::int as takeovers, sum(coalesced)::int as requests
       from operations group by 1, 2 order by 1, 2`,
    );
    if (process.env.BERTH_TEST_VERBOSE) console.table(rows);
    const ran = rows.find((row) => row.kind === "restart" && row.state === "succeeded")!;
    expect(ran.n, "restarts that ran: with fewer this test would show nothing").toBeGreaterThan(
      size.requests / 5,
    );
  }, 240_000);
});

/** Which workspaces have something unfinished, as of a moment ago. */
function watchBusy({ pool }: Fleet): { has(id: string): boolean; close(): void } {
  let busy = new Set<string>();
  const look = async () => {
    const { rows } = await pool.query<{ id: string }>(
      "select distinct workspace_id as id from operations where state in ('queued', 'running')",
    );
    busy = new Set(rows.map((row) => row.id));
  };
  const timer = setInterval(() => void look().catch(() => undefined), 50);
  return { has: (id) => busy.has(id), close: () => clearInterval(timer) };
}

/**
 * Makes a root, two children and a grandchild, restarts them at random, some while the one before still runs,
 * and deletes them with cascade. @returns how many requests were accepted.
 */
async function useTree(
  fleet: Fleet,
  die: () => number,
  requests: number,
  busy: { has(id: string): boolean },
) {
  const tree: string[] = [];
  let accepted = 0;
  const add = async (parent: string | null) => {
    tree.push((await createWorkspace(fleet.context, newWorkspace(undefined, parent), BY_TEST)).workspace.id);
    accepted++;
  };
  const remove = async (id: string) => {
    await removeWorkspace(fleet.context, id, { cascade: true, ...BY_TEST });
    accepted++;
  };
  await add(null);
  await add(tree[0]!);
  await add(tree[0]!);
  await add(tree[1]!);
  const earlyDelete = Math.floor(die() * requests);
  for (let n = TREE; n < requests - 2; n++) {
    const id = tree[Math.floor(die() * (n < earlyDelete ? 4 : 3))]!;
    if (n === earlyDelete) {
      await remove(tree[3]!);
      continue;
    }
    await delay(die() * 40);
    // Half of them wait until the workspace is at rest, or all would be counted into a few.
    if (die() < 0.5) for (let patience = 400; patience > 0 && busy.has(id); patience--) await delay(50);
    await requestRestart(fleet.context, id, BY_TEST).then(
      () => accepted++,
      (error: unknown) => expect((error as BerthError).code).toBe("illegal_transition"),
    );
  }
  await remove(tree[1]!);
  await remove(tree[0]!);
  return accepted;
}

/** A delete whose last attempt failed is driven on by asking again. */
async function deleteAgain({ pool, context }: Fleet): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const { rows } = await pool.query<{ id: string }>(
      "select distinct workspace_id as id from resources where state <> 'gone'",
    );
    if (rows.length === 0) return;
    for (const { id } of rows) await removeWorkspace(context, id, { cascade: true, ...BY_TEST });
    await settled(pool);
  }
}
