import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Hold } from "@berth/core/db/gates";
import { unfinishedOf, type Operation } from "@berth/core/db/operations";
import { roomOf } from "@berth/core/db/quotas";
import { beginGeneration, getWorkspace, type Workspace } from "@berth/core/db/workspaces";
import { countsAsRunning } from "@berth/core/domain/quota";
import { BerthError } from "@berth/core/base/errors";
import { cancelOperation } from "@berth/core/requests/cancel";
import { cancelled, failed, succeeded } from "@berth/core/gate/endings";
import { createGate, type Gate } from "@berth/core/gate/gate";
import { removeQuota, setQuota } from "@berth/core/requests/quotas";
import { removeWorkspace } from "@berth/core/requests/delete";
import { createWorkspace } from "@berth/core/requests/create";
import { patchWorkspace } from "@berth/core/requests/patch";
import { requestRestart } from "@berth/core/requests/restart";
import type { RequestContext } from "@berth/core/requests/accept";
import { requestHibernate, requestPause } from "@berth/core/requests/suspend";
import { requestResume } from "@berth/core/requests/resume";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";

const VALUES = ["red", "blue"] as const;
const LABELS = VALUES.map((value) => ({ key: "team", value }));

/** What every request and every end of an operation makes of the places, reckoned from the rows themselves. */
class World {
  workspaces: string[] = [];
  held: { operation: Operation; hold: Hold }[] = [];
  limits = new Map<string, number>();
  readonly context: RequestContext;
  readonly gate: Gate;
  readonly database: TestDatabase;

  constructor(database: TestDatabase) {
    this.database = database;
    const dispatcher = {
      add: () => Promise.resolve(),
      wake: () => Promise.resolve(true),
      promote: () => Promise.resolve(true),
    };
    this.context = { pool: database.pool, dispatcher, maxAttempts: 1 };
    this.gate = createGate({ pool: database.pool, dispatcher, owner: "w", leaseMs: 60_000 });
  }

  pick(n: number): string | undefined {
    return this.workspaces[n % Math.max(this.workspaces.length, 1)];
  }

  /** How many count with each value, by the domain's rule. */
  async counted(): Promise<Map<string, number>> {
    const { pool } = this.database;
    const counts = new Map<string, number>(VALUES.map((value) => [value, 0]));
    for (const id of this.workspaces) {
      const workspace = (await getWorkspace(pool, id))!;
      const value = workspace.labels["team"];
      const last = (await unfinishedOf(pool, [id])).at(-1);
      if (value !== undefined && countsAsRunning(workspace.status, last))
        counts.set(value, counts.get(value)! + 1);
    }
    return counts;
  }

  async audit(): Promise<Map<string, number>> {
    const counts = await this.counted();
    const { rows } = await this.database.pool.query<{ value: string; n: number }>(
      "select value, count(*)::int as n from workspace_labels where running group by value",
    );
    const kept = new Map<string, number>(rows.map(({ value, n }) => [value, n]));
    for (const value of VALUES) expect(kept.get(value) ?? 0, `running with ${value}`).toBe(counts.get(value));
    return counts;
  }

  limitOf(value: string): number {
    return this.limits.get(value) ?? this.limits.get("*") ?? Infinity;
  }

  /** The value with which a workspace counts. */
  async placeOf(id: string | undefined): Promise<string | undefined> {
    if (id === undefined) return undefined;
    const workspace = (await getWorkspace(this.database.pool, id))!;
    const last = (await unfinishedOf(this.database.pool, [id])).at(-1);
    return countsAsRunning(workspace.status, last) ? workspace.labels["team"] : undefined;
  }

  /**
   * Whatever was accepted has raised no label above its limit, and what was refused for one is full and wasn't the
   * workspace's own place.
   */
  async ask(request: () => Promise<unknown>, id?: string): Promise<void> {
    const place = await this.placeOf(id);
    const before = await this.counted();
    const refusal = await request().then(
      () => null,
      (error: unknown) => {
        expect(error).toBeInstanceOf(BerthError);
        return error as BerthError;
      },
    );
    const after = await this.audit();
    if (refusal !== null) expect(after, "a refusal changes nothing").toEqual(before);
    for (const value of VALUES)
      if (after.get(value)! > before.get(value)!)
        expect(after.get(value), `${value} after it`).toBeLessThanOrEqual(this.limitOf(value));
    if (refusal?.code !== "quota_exceeded") return;
    const { label, max_running, running } = refusal.details as {
      label: string;
      max_running: number;
      running: number;
    };
    const value = label.slice("team:".length);
    expect([running, max_running]).toEqual([before.get(value), this.limitOf(value)]);
    expect(running).toBeGreaterThanOrEqual(max_running);
    expect(value, "a place that it has already").not.toBe(place);
  }

  async claim(n: number): Promise<void> {
    const id = this.pick(n);
    if (id === undefined) return;
    const [first] = await unfinishedOf(this.database.pool, [id]);
    if (first === undefined) return;
    const claimed = await this.gate.claim(id, first.ticket);
    if (claimed !== null) this.held.push(claimed);
  }

  async end(n: number, how: "succeed" | "fail" | "hand_back"): Promise<void> {
    const held = this.held[n % Math.max(this.held.length, 1)];
    if (held === undefined) return;
    this.held = this.held.filter((one) => one !== held);
    const { hold, operation } = held;
    if (how === "hand_back") return this.gate.handBack(hold);
    const [now] = await unfinishedOf(this.database.pool, [hold.workspaceId]);
    const workspace: Workspace = (await getWorkspace(this.database.pool, hold.workspaceId))!;
    if (["provision", "restart", "resume"].includes(operation.kind))
      await this.gate.fenced(hold, (tx) =>
        beginGeneration(tx, workspace.id, workspace.generation + 1, Buffer.alloc(32), null),
      );
    // As the step `silence` of a pause does.
    else
      await this.database.pool.query("update workspaces set token_hash = null where id = $1", [workspace.id]);
    const error = { code: "internal", message: "failed on purpose", provider_code: null };
    if (now?.cancel_requested_by != null)
      return this.gate.finish({ hold, ...cancelled({ ...operation, phase: "stop" }, "test") });
    if (how === "fail")
      return this.gate.finish({
        hold,
        ...failed(operation, workspace, {
          phase: "stop",
          error,
          owed: [],
          passing: false,
          kept: false,
          restartInMs: 0,
        }),
      });
    return this.gate.finish({ hold, ...succeeded(operation, workspace) });
  }

  async cancel(n: number): Promise<unknown> {
    const open = await unfinishedOf(this.database.pool, this.workspaces);
    const one = open[n % Math.max(open.length, 1)];
    return one === undefined ? null : cancelOperation(this.context, one.id, BY_TEST);
  }
}

const label = fc.option(fc.constantFrom(...VALUES), { nil: undefined, freq: 6 });
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("create" as const), label, under: fc.option(fc.nat(9)) }),
  },
  ...(["pause", "hibernate", "resume", "restart", "remove", "cancel", "claim"] as const).map((verb) => ({
    weight: { pause: 4, hibernate: 1, resume: 5, restart: 1, remove: 2, cancel: 4, claim: 5 }[verb],
    arbitrary: fc.record({ do: fc.constant(verb), pick: fc.nat(9) }),
  })),
  { weight: 3, arbitrary: fc.record({ do: fc.constant("relabel" as const), pick: fc.nat(9), label }) },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      pick: fc.nat(9),
      how: fc.constantFrom("succeed", "succeed", "fail", "hand_back"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("limit" as const),
      value: fc.constantFrom("*", ...VALUES),
      limit: fc.option(fc.nat(3)),
    }),
  },
);

const labelsOf = (value: string | undefined): Record<string, string> =>
  value === undefined ? {} : { team: value };

describe("places under any interleaving of requests and ends", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it("are those of the workspaces that count, and no accepted request takes one too many", async () => {
    const refused = { n: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50 }), async (steps) => {
        await database.pool.query(
          "truncate workspaces, structure_events, workspace_labels, quotas, resources cascade",
        );
        const world = new World(database);
        const { context } = world;
        const limit = async (value: string, most: number): Promise<void> => {
          await setQuota(database.pool, { key: "team", value }, { max_running: most }, BY_TEST);
          world.limits.set(value, most);
        };
        await limit("*", 2);
        for (const one of steps) {
          const id = "pick" in one ? world.pick(one.pick) : undefined;
          if (one.do === "create") {
            const parent = one.under === null ? null : (world.pick(one.under) ?? null);
            await world.ask(() =>
              createWorkspace(
                context,
                { ...newWorkspace("w", parent), labels: labelsOf(one.label) },
                BY_TEST,
              ).then(({ workspace }) => world.workspaces.push(workspace.id)),
            );
          } else if (one.do === "limit") {
            if (one.limit !== null) await limit(one.value, one.limit);
            else if (world.limits.delete(one.value))
              await removeQuota(database.pool, { key: "team", value: one.value }, BY_TEST);
          } else if (one.do === "claim") await world.claim(one.pick);
          else if (one.do === "end") await world.end(one.pick, one.how);
          else if (one.do === "cancel") await world.ask(() => world.cancel(one.pick));
          else if (id !== undefined) {
            if (one.do === "pause") await world.ask(() => requestPause(context, id, BY_TEST), id);
            if (one.do === "hibernate") await world.ask(() => requestHibernate(context, id, BY_TEST), id);
            if (one.do === "resume") await world.ask(() => requestResume(context, id, BY_TEST), id);
            if (one.do === "restart") await world.ask(() => requestRestart(context, id, BY_TEST), id);
            if (one.do === "remove")
              await world.ask(() => removeWorkspace(context, id, { cascade: true, ...BY_TEST }), id);
            if (one.do === "relabel")
              await world.ask(
                () => patchWorkspace(context, id, { labels: labelsOf(one.label) }, BY_TEST),
                id,
              );
          }
          await world.audit();
        }
        const client = await database.pool.connect();
        const rooms = await roomOf(client, LABELS, null).finally(() => client.release());
        const counts = await world.counted();
        for (const room of rooms) {
          expect(room.running).toBe(counts.get(room.value));
          expect(room.max_running).toBe(world.limitOf(room.value));
          if (room.running >= room.max_running) refused.n++;
        }
      }),
      { numRuns: 60, endOnFailure: false },
    );
    expect(refused.n, "runs that ended with a full label").toBeGreaterThan(5);
  });
});
