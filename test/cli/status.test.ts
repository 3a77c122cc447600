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
    const trouble = await stage.json("status");
    expect(trouble).toMatchObject([
      { code: "sweep_held", sweep: "docker-orphans", count: 8, needs_person: true },
      { code: "failed", count: 4, cause: "no capacity in eu-1a", needs_person: true },
    ]);
    const { stdout } = await stage.berth("status");
    expect(stdout).toMatch(
      /^WHAT +SINCE +WHY +NEXT\nThe sweep docker-orphans holds back 8 of 9 .* berth sweeps approve docker-orphans\n/,
    );
    expect(stdout).toMatch(/4 workspaces have failed .* no capacity in eu-1a +berth ls --status failed$/m);
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

describe("berth top", () => {
  it("shows the fleet by status, what is wrong, and what runs or waits", async () => {
    const { pool, create } = stage.api;
    const { id } = await create({ name: "slow" });
    await expect
      .poll(async () => (await pool.query("select from operations where finished_at is null")).rowCount)
      .toBe(0);
    await pool.query(
      "update operations set state = 'queued', finished_at = null, started_at = null, phase = null where workspace_id = $1",
      [id],
    );
    const { stdout } = await stage.berth("top");
    expect(stdout).toMatch(/^\S+ at \S+.* Workspaces: [^]*4 failed[^]*\nOperations: 1 queued;/);
    expect(stdout).toMatch(/4 workspaces have failed/);
    expect(stdout).toMatch(/^slow +provision +queued +– +\d\/\d +\d+s/m);
    expect(await stage.json("top")).toMatchObject({ well: false, operations: [{ workspace_id: id }] });
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
