import { randomUUID } from "node:crypto";
import { BerthError } from "@berth/core/base/errors";
import { lockGates } from "@berth/core/db/gates";
import { ensurePlace, takeIdentity } from "@berth/core/db/places";
import { groupedTransaction } from "@berth/core/db/group-commit";
import { merged } from "@berth/core/db/merged";
import { transaction, type Tx } from "@berth/core/db/pool";
import { createWorkspace } from "@berth/core/requests/create";
import { requestPause } from "@berth/core/requests/suspend";
import { requestRestart } from "@berth/core/requests/restart";
import type { RequestContext } from "@berth/core/requests/accept";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";

let database: TestDatabase;
let context: RequestContext;
const dispatched: string[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  const dispatcher = {
    add: async ({ id }: { id: string }) => void dispatched.push(id),
    wake: async () => true,
    promote: async () => true,
  };
  context = { pool: database.pool, dispatcher, maxAttempts: 3 };
});
afterAll(() => database.drop());

const create = (name?: string) => createWorkspace(context, newWorkspace(name), BY_TEST);
const restart = (id: string) => requestRestart(context, id, BY_TEST);
const made = async (count: number): Promise<string[]> => {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push((await create()).workspace.id);
  return ids;
};
/** By which transactions these operations were written. */
const transactionsOf = async (ids: readonly string[]): Promise<number> => {
  const { rows } = await database.pool.query<{ n: number }>(
    "select count(distinct xmin::text)::int as n from operations where id = any ($1)",
    [ids],
  );
  return rows[0]!.n;
};

describe("requests that come at once", () => {
  it("share transactions, each with its own answer, operation, event and job (I6)", async () => {
    const before = await made(20);
    const accepted = await Promise.all(before.flatMap((id) => [restart(id), create(`beside-${id}`)]));
    const operations = accepted.map(({ operation }) => operation);
    expect(operations.map(({ workspace_id }) => workspace_id)).toEqual(
      accepted.map(({ workspace }) => workspace.id),
    );
    expect(accepted.map(({ workspace }) => workspace.name).filter((_, n) => n % 2 === 1)).toEqual(
      before.map((id) => `beside-${id}`),
    );
    expect(operations.map(({ kind, ticket }) => `${kind} ${ticket}`)).toEqual(
      before.flatMap(() => ["restart 2", "provision 1"]),
    );
    const { rows } = await database.pool.query<{ operation_id: string; event_type: string }>(
      "select operation_id, event_type from structure_events where operation_id = any ($1)",
      [operations.map(({ id }) => id)],
    );
    expect(rows.map((row) => `${row.operation_id} ${row.event_type}`).toSorted()).toEqual(
      operations
        .map(
          ({ id, kind }) =>
            `${id} ${kind === "restart" ? "workspace.restart.requested" : "workspace.provisioning"}`,
        )
        .toSorted(),
    );
    expect(dispatched).toEqual(expect.arrayContaining(operations.map(({ id }) => id)));
    expect(await transactionsOf(operations.map(({ id }) => id))).toBeLessThan(operations.length / 2);
  });

  it("are refused each for its own reason alone", async () => {
    const ids = await made(8);
    const paused = ids.slice(0, 4);
    await database.pool.query("update workspaces set status = 'online' where id = any ($1)", [paused]);
    for (const id of paused) await requestPause(context, id, BY_TEST);
    const answers = await Promise.allSettled([...ids, randomUUID()].map(restart));
    const codes = answers.map((one) => (one.status === "fulfilled" ? "accepted" : one.reason.code));
    expect(codes).toEqual([
      ...paused.map(() => "illegal_transition"),
      ...ids.slice(4).map(() => "accepted"),
      "workspace_not_found",
    ]);
  });

  it("are carried out each by itself where what one of them asks for can't be written", async () => {
    const before = await made(4);
    const unwritable = "PostgreSQL has no \u0000 in a text";
    const answers = await Promise.allSettled([
      ...before.map(restart),
      create(unwritable),
      create(),
      create(),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([
      ...before.map(() => "fulfilled"),
      "rejected",
      "fulfilled",
      "fulfilled",
    ]);
  });

  it("don't wait with one whose gate another has", async () => {
    const [held, ...others] = await made(12);
    const holder = await database.pool.connect();
    await holder.query("begin");
    await lockGates(holder, [held!]);
    let isAnswered = false;
    const waiting = [restart(others[0]!), restart(others[1]!), restart(held!)].at(-1)!.then((answer) => {
      isAnswered = true;
      return answer;
    });
    await Promise.all(others.map(restart));
    expect(isAnswered).toBe(false);
    await holder.query("commit");
    holder.release();
    expect((await waiting).operation.ticket).toBe(2);
  });

  it("with one Idempotency-Key are one request, and a refused one leaves its key free", async () => {
    const idempotency = (key: string) => ({
      actor: "test",
      key,
      requestHash: Buffer.from("same"),
      credential: "test",
      replayed: false,
    });
    const [busy] = await made(1);
    await database.pool.query("update workspaces set status = 'online' where id = $1", [busy]);
    await requestPause(context, busy!, BY_TEST);
    const keyed = (key: string) =>
      createWorkspace(context, newWorkspace(), { ...BY_TEST, idempotency: idempotency(key) });
    const [refused, ...accepted] = await Promise.allSettled([
      requestRestart(context, busy!, { ...BY_TEST, idempotency: idempotency("refused") }),
      ...Array.from({ length: 6 }, () => keyed("one")),
      ...Array.from({ length: 6 }, (_, n) => keyed(`other-${n}`)),
    ]);
    expect(refused).toMatchObject({ status: "rejected", reason: expect.any(BerthError) });
    const ids = accepted.map(
      (one) => (one as PromiseFulfilledResult<{ workspace: { id: string } }>).value.workspace.id,
    );
    expect(new Set(ids.slice(0, 6)).size).toBe(1);
    expect(new Set(ids).size).toBe(7);
    const { rows } = await database.pool.query("select key from idempotency_keys where key = 'refused'");
    expect(rows).toEqual([]);
  });

  it("have what each asks for carried out in its order, also where another asked for the later of it first", async () => {
    const sent: string[] = [];
    const workspaces = async (_: unknown, items: readonly string[]) =>
      void sent.push(`workspaces ${items.join()}`);
    const operations = async (_: unknown, items: readonly string[]) =>
      void sent.push(`operations ${items.join()}`);
    const ask = (work: (tx: Tx) => Promise<unknown>) =>
      groupedTransaction(database.pool, { queue: null, alone: [] }, work);
    const busy = [1, 2].map(() => ask((tx) => tx.query("select pg_sleep(0.1)")));
    await Promise.all([
      ...busy,
      ask((tx) => merged(tx, operations, ["a"])),
      ask((tx) => Promise.all([merged(tx, workspaces, ["b"]), merged(tx, operations, ["b"])])),
      ask((tx) => merged(tx, workspaces, ["c"])),
    ]);
    expect(sent).toEqual(["operations a", "workspaces b,c", "operations b"]);
  });

  it("go to the places that have least, counting those beside them", async () => {
    for (const name of ["left", "right"]) {
      await ensurePlace(database.pool, { name, backend: "process" });
      await transaction(database.pool, (tx) => takeIdentity(tx, name, name, null));
    }
    const before = await made(2);
    const created = await Promise.all([
      ...before.map(restart),
      ...Array.from({ length: 40 }, () => create()),
    ]);
    const count = new Map<string, number>();
    for (const { workspace } of created.slice(2))
      count.set(workspace.place, (count.get(workspace.place) ?? 0) + 1);
    expect(count.get("left")).toBeGreaterThan(10);
    expect(count.get("right")).toBeGreaterThan(10);
  });
});
