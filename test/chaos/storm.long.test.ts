import { afterEach, describe, expect, inject, it } from "vitest";
import { createWorkspace } from "@berth/core/requests/create";
import { BY_TEST, fleetEnvironment, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { ended } from "../support/wait.js";
import { startProcess, startWorkerProcess, type TestProcess } from "../support/worker-process.js";
import { expectNoBreach, expectOrder, expectSettled, expectTrueLedger, watchProvider } from "./audit.js";

const CALLERS = 2;
const EACH = 500;

describe("1,000 restarts of one workspace at once, from two processes", () => {
  let fleet: Fleet;
  const processes: TestProcess[] = [];
  afterEach(async () => {
    await Promise.all(processes.map((one) => one.kill()));
    await fleet.close();
  });

  it("are at most two cycles, and each caller's operation begins after it asked (I1, I2)", async () => {
    const redisUrl = inject("redis").url;
    fleet = await startFleet({ redisUrl });
    await watchProvider(fleet.pool);
    const env = fleetEnvironment(fleet.database.url, redisUrl, { BERTH_SHUTDOWN_GRACE_MS: "0" });
    const first = fleet.startWorker();
    const { workspace, operation } = await createWorkspace(fleet.context, newWorkspace(), BY_TEST);
    await ended(fleet.pool, [operation.id]);
    await first.close();

    // While the requests come in the first cycle stays inside its first call, however slow this machine is.
    const slow = await Promise.all(
      [1, 2].map(() => startWorkerProcess(env, { latencyMs: 300_000, fullLatency: true })),
    );
    const caller = new URL("./storm-caller.ts", import.meta.url);
    const callers = Array.from({ length: CALLERS }, () =>
      startProcess(caller, env, [workspace.id, String(EACH)]),
    );
    processes.push(...slow, ...callers);
    await Promise.all(callers.map((one) => one.said(/caller ready/)));
    for (const one of callers) one.send("go");
    const said = await Promise.all(callers.map((one) => one.said(/^answers (.*)$/m, 60_000)));
    const answers = said.flatMap(([, json]) => JSON.parse(json!) as { askedAt: number; id: string }[]);
    expect(answers).toHaveLength(CALLERS * EACH);

    // Told to end with no grace they hand their work back; then the cycles run.
    for (const one of slow) one.term();
    for (const one of slow) expect(await one.exited, one.output()).toEqual({ code: 0, signal: null });
    processes.push(...(await Promise.all([1, 2].map(() => startWorkerProcess(env)))));
    const ids = [...new Set(answers.map((one) => one.id))];
    const operations = new Map((await ended(fleet.pool, ids)).map((one) => [one.id, one]));
    expect(ids.length, "cycles").toBeLessThanOrEqual(2);
    const { rows } = await fleet.pool.query<{ n: number; requests: number }>(
      "select count(*) as n, sum(coalesced)::int as requests from operations where kind = 'restart'",
    );
    expect(rows).toEqual([{ n: ids.length, requests: CALLERS * EACH }]);
    for (const one of operations.values()) expect(one).toMatchObject({ state: "succeeded", attempt: 1 });
    const early = answers.filter((one) => operations.get(one.id)!.started_at!.getTime() < one.askedAt);
    expect(early, "callers whose operation had begun before they asked").toEqual([]);
    const launched = await fleet.pool.query("select 1 from provider_things where kind = 'instance'");
    expect(launched.rowCount, "instances ever made").toBe(1 + ids.length);
    await expectSettled(fleet.pool);
    await expectNoBreach(fleet.pool);
    await expectOrder(fleet.pool);
    await expectTrueLedger(fleet.pool);
  });
});
