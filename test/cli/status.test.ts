import { registerSweeps, setHeld } from "@berth/core/db/sweeps";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { command, startStage, type Stage } from "./berth.js";

let stage: Stage;
beforeAll(async () => {
  // Or its run would take away what the test puts there.
  stage = await startStage({ BERTH_SWEEPS_PAUSED: "docker-orphans" });
});
afterAll(() => stage.close());

describe("berth status", () => {
  it("says that all is well only while it is; then it tells what is wrong, why, and what to do", async () => {
    const { pool, create } = stage.api;
    await expect.poll(() => stage.berth("status")).toMatchObject({ code: 0, stdout: "All is well.\n" });

    const ids = await Promise.all(
      ["a", "b", "c", "d"].map(async (name) => (await create({ name })).id as string),
    );
    await expect
      .poll(async () => (await pool.query("select from operations where finished_at is null")).rowCount)
      .toBe(0);
    await pool.query(
      "update workspaces set status = 'failed', status_reason = 'no capacity in eu-1a' where id = any ($1)",
      [ids],
    );
    await registerSweeps(pool, [{ name: "docker-orphans", everyMs: 3_600_000 }]);
    await setHeld(pool, "docker-orphans", { looked_at: 9, would_act: 8, actions: [] });
    await pool.query(
      `insert into sightings (backend, kind, provider_id, name, state, created_at, why)
       values ('process', 'volume', 'v-1', 'v', 'present', now(), 'nobody claims it')`,
    );
    const trouble = await stage.json("status");
    expect(trouble).toEqual([
      {
        what: "failed",
        count: "4",
        why: expect.stringMatching(/^no capacity in eu-1a \(\w, \w, \w, …\)$/),
        next: "berth ls --status failed",
      },
      {
        what: "sweep docker-orphans",
        count: "1",
        why: "its breaker holds back 8 of 9",
        next: "berth sweeps approve docker-orphans",
      },
      {
        what: "to go and still there",
        count: "1",
        why: expect.stringMatching(/nobody claims it$/),
        next: "berth leaks",
      },
    ]);
    expect((await stage.berth("ls")).stdout).toMatch(
      /^NAME +STATUS +REASON +PLACE[^]*failed +no capacity in eu-1a /,
    );
  });

  it("goes on until Ctrl-C with --watch", async () => {
    const ending = new AbortController();
    let looks = 0;
    const said = await command(["status", "--watch"], {
      env: stage.env,
      signal: ending.signal,
      onOutput: (text) => {
        if (/^(WHAT|All is well)/.test(text) && ++looks === 2) ending.abort();
      },
    });
    expect([said.code, looks]).toEqual([130, 2]);
  });
});

describe("an error with --json", () => {
  it("is one line of JSON with the exit code and the problem's members", async () => {
    const { code, stdout, stderr } = await stage.berth(
      "ops",
      "get",
      "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f",
      "--json",
    );
    expect([code, stdout]).toEqual([3, ""]);
    expect(JSON.parse(stderr)).toMatchObject({
      error: { exit: 3, status: 404, message: expect.any(String) },
    });
  });
});
