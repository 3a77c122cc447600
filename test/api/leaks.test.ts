import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listEvents } from "@berth/core/db/events";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestApi, type TestApi } from "./api.js";

let api: TestApi;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "berth-prices-"));
  const file = join(directory, "prices.json");
  await writeFile(file, '{"process/volume": 0.01, "ec2/instance/t3.small": 0.5}');
  api = await startTestApi(null, { BERTH_PRICES_FILE: file });
});
beforeEach(async () => {
  await api.pool.query("delete from sightings");
  await api.pool.query("delete from resources");
});
afterAll(async () => {
  await api.close();
  await rm(directory, { recursive: true });
});

/** A thing of the ledger that is to go, of a workspace that has no row any more. */
const obligation = async (since = "2026-01-01", kind = "volume", workspaceId: string = randomUUID()) => {
  const { rows } = await api.pool.query<{ id: string }>(
    `insert into resources (id, workspace_id, kind, backend, name, client_token, provider_id, generation, state,
       releasing_at, attempts, last_error, next_attempt_at)
     values (gen_random_uuid(), $3, $2, 'process', 'ws-x', 't', '/somewhere', 1, 'releasing', $1, 3,
       '{"code": "provider_error", "message": "no", "provider_code": "E1"}', now() + interval '1 hour')
     returning id`,
    [since, kind, workspaceId],
  );
  return rows[0]!.id;
};
const unclaimed = async () => {
  const { rows } = await api.pool.query<{ id: string }>(
    `insert into sightings (backend, kind, provider_id, name, state, created_at, why, first_seen_at, seen)
     values ('ec2', 'instance', $1, 'ws-y', 'running', '2026-01-01', 'nobody claims it', '2026-02-01', 2) returning id`,
    [`i-${randomUUID()}`],
  );
  return rows[0]!.id;
};
const leaks = async (query = "") => (await api.call("GET", `/leaks${query}`)).body as { id: string }[];
const waitingRuns = async () =>
  (await api.queues.sweeps.getJobs(["waiting", "delayed", "prioritized"])).map((job) => job.name);

describe("GET /leaks", () => {
  it("lists obligations and unclaimed things, oldest first, with error, next try and what they cost", async () => {
    const second = await unclaimed();
    const first = await obligation();
    expect(await leaks()).toEqual([
      expect.objectContaining({
        id: first,
        source: "obligation",
        kind: "volume",
        backend: "process",
        provider_id: "/somewhere",
        why: "its workspace isn't known",
        since: "2026-01-01T00:00:00.000Z",
        attempts: 3,
        last_error: { code: "provider_error", message: "no", provider_code: "E1" },
        next_attempt_at: expect.stringMatching(/Z$/),
        under_way: false,
        cost_per_hour: expect.closeTo(0.2),
      }),
      expect.objectContaining({
        id: second,
        source: "unclaimed",
        sightings: 2,
        workspace_id: null,
        why: "nobody claims it",
        cost_per_hour: null,
      }),
    ]);
  });

  it("comes in pages", async () => {
    const ids = [
      await obligation("2026-01-01"),
      await obligation("2026-01-02T00:00:00.000001Z"),
      await obligation("2026-01-02T00:00:00.000002Z"),
    ];
    const { body, headers } = await api.call("GET", "/leaks?limit=2");
    const [, next] = /^<(.+)>; rel="next"$/.exec(headers.get("link")!)!;
    // One of the page before goes meanwhile: nothing shifts.
    await api.pool.query("delete from resources where id = $1", [ids[0]]);
    const rest = await api.call("GET", next!);
    expect([...body, ...rest.body].map(({ id }: { id: string }) => id)).toEqual(ids);
    expect(rest.headers.get("link")).toBeNull();
    expect((await api.call("GET", "/leaks?after=x")).status).toBe(400);
  });
});

describe("retrying a leak", () => {
  it("makes it due, asks for a run of its sweep, and says in an event who did", async () => {
    for (const [id, sweep] of [
      [await obligation(), "removed-instances"],
      [await unclaimed(), "leaked-instances"],
    ]) {
      const { status, body } = await api.call("POST", `/leaks/${id}/retry`);
      expect(status).toBe(202);
      expect(Date.parse(body.next_attempt_at)).toBeLessThanOrEqual(Date.now());
      expect(await waitingRuns()).toContain(sweep);
    }
    const [event] = await listEvents(api.pool, { type: "workspace.leak.retry_requested", limit: 1 });
    expect(event!.payload).toMatchObject({ requested_by: "admin" });
    // However often it is asked for, one run waits.
    await api.call("POST", `/leaks/${await obligation()}/retry`);
    expect((await waitingRuns()).filter((name) => name === "removed-instances")).toHaveLength(1);
  });
});

describe("releasing a leak", () => {
  it("takes it off the list, and keeps who said so and why", async () => {
    for (const id of [await obligation(), await unclaimed()]) {
      const { status, body } = await api.call("POST", `/leaks/${id}/release`, {
        body: { reason: " by hand " },
      });
      expect([status, body.id]).toEqual([200, id]);
      expect((await leaks()).map((leak) => leak.id)).not.toContain(id);
      expect((await api.call("POST", `/leaks/${id}/release`, { body: { reason: "x" } })).body).toMatchObject({
        code: "leak_not_found",
      });
      const events = await listEvents(api.pool, { type: "workspace.leak.released", limit: 100 });
      expect(events.at(-1)!.payload).toMatchObject({ leak_id: id, requested_by: "admin", why: "by hand" });
    }
  });

  it("is refused while its workspace is being worked on, and for a volume before its instance (I8)", async () => {
    const { id: workspaceId } = await api.create();
    const busy = await obligation("2026-01-01", "instance", workspaceId);
    const refused = await api.call("POST", `/leaks/${busy}/release`, { body: { reason: "x" } });
    expect(refused).toMatchObject({ status: 409, body: { code: "busy" } });
    await api.finish(workspaceId, 1);
    const volume = await obligation("2026-01-01", "volume", workspaceId);
    const release = (id: string) => api.call("POST", `/leaks/${id}/release`, { body: { reason: "x" } });
    expect((await release(volume)).status).toBe(409);
    expect((await release(busy)).status).toBe(200);
    expect((await release(volume)).status).toBe(200);
  });

  it.each([
    {},
    { reason: "" },
    { reason: "  " },
    { reason: "x".repeat(1025) },
    { reason: "x", by: "me" },
    undefined,
  ])("needs a reason: %j", async (body) => {
    const id = await obligation();
    expect((await api.call("POST", `/leaks/${id}/release`, { body })).status).toBe(400);
    expect(await leaks()).toHaveLength(1);
  });

  it("tells an id that isn't one from one that isn't there", async () => {
    for (const verb of ["retry", "release"]) {
      const call = (id: string) => api.call("POST", `/leaks/${id}/${verb}`, { body: { reason: "x" } });
      expect((await call("1")).body).toMatchObject({ code: "invalid_id" });
      expect((await call(randomUUID())).body).toMatchObject({ code: "leak_not_found", status: 404 });
    }
  });
});
