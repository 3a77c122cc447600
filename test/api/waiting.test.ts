import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createLogger } from "@berth/core/base/logger";
import { createPool } from "@berth/core/db/pool";
import { openSignals } from "@berth/api/live/signals";
import { createWaiting } from "@berth/api/live/waiting";
import { countRoundTrips } from "../support/round-trips.js";
import { type Answer, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null);
});
afterAll(() => api.close());

const WAIT = { prefer: "wait=30" };
const begin = (method: string, path: string, headers: Record<string, string> = WAIT, body?: unknown) =>
  api.call(method, path, { headers, body });
/** Resolves once the workspace has an operation with this ticket. */
const accepted = (workspaceId: string, ticket: number) =>
  vi.waitFor(
    async () => {
      const { body } = await api.call("GET", `/workspaces/${workspaceId}/operations`);
      expect(body[0].ticket).toBe(ticket);
    },
    { interval: 10 },
  );
/** The connections to this database that listen. */
const listeners = async () =>
  (
    await api.pool.query<{ pid: number }>(
      "select pid from pg_stat_activity where datname = current_database() and application_name = 'berth-listen'",
    )
  ).rows.map((row) => row.pid);

const waitingOn = (databaseUrl: string, recheckMs: number) => {
  const logger = createLogger({ logLevel: "silent" }, "test");
  const signals = openSignals({ url: databaseUrl, pool: api.pool, logger });
  const waiting = createWaiting({ pool: api.pool, signals, logger, recheckMs });
  return {
    ...waiting,
    close: async () => {
      waiting.close();
      await signals.close();
    },
  };
};
/** Ends an operation as if its notification were lost. */
const endSilently = (id: string) =>
  api.pool.query("update operations set state = 'succeeded', finished_at = now() where id = $1", [id]);

describe("Prefer: wait", () => {
  it("of a read of an operation answers once it has ended, or as it is when the time is up", async () => {
    const { id, operation } = await api.create();
    const path = `/operations/${operation.id}`;
    const late = await begin("GET", path, { prefer: "wait=1" });
    expect(late).toMatchObject({ status: 200, body: { state: "queued" } });
    expect(late.headers.get("preference-applied")).toBe("wait=1");
    const waiting = begin("GET", path);
    await api.finish(id, 1);
    expect(await waiting).toMatchObject({ status: 200, body: { id: operation.id, state: "succeeded" } });
    expect(await begin("GET", path)).toMatchObject({ body: { state: "succeeded" } });
    expect(await begin("GET", "/operations/0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f")).toMatchObject({
      status: 404,
    });
  });

  it("answers 200 with the workspace and the operation as they are at the end", async () => {
    const { id } = await api.create();
    await api.finish(id, 1);
    const waiting = begin("POST", `/workspaces/${id}/restart`);
    await accepted(id, 2);
    await api.finish(id, 2);
    const answer = await waiting;
    expect(answer).toMatchObject({
      status: 200,
      body: { id, status: "online", operation: { ticket: 2, state: "succeeded" } },
    });
    expect(answer.headers.get("preference-applied")).toBe("wait=30");
    expect(answer.headers.get("etag")).toBe(`"${answer.body.version}"`);
    expect(answer.body.operation.finished_at).not.toBeNull();
  });

  it("of a create waits for the provision", async () => {
    const waiting = begin("POST", "/workspaces", WAIT, { name: "waited", spec: { command: ["true"] } });
    const id = await vi.waitFor(async () => {
      const { body } = await api.call("GET", "/workspaces");
      return body.find((workspace: { name: string }) => workspace.name === "waited").id as string;
    });
    await api.finish(id, 1);
    expect(await waiting).toMatchObject({
      status: 200,
      body: { id, status: "online", operation: { state: "succeeded" } },
    });
  });

  it("answers 202 as without it when the time is up", async () => {
    const { id } = await api.create();
    const answer = await begin("POST", `/workspaces/${id}/restart`, { prefer: "respond-async, wait=1" });
    expect(answer).toMatchObject({ status: 202, body: { operation: { state: "queued" } } });
    expect(answer.headers.get("preference-applied")).toBe("wait=1");
    expect(answer.headers.get("location")).toBe(`/operations/${answer.body.operation.id}`);
  });

  it.each(["wait=0", "wait=-1", "wait=soon", "return=minimal", ""])(
    "that says nothing we know, %j, is ignored",
    async (prefer) => {
      const { id } = await api.create();
      const answer = await begin("POST", `/workspaces/${id}/restart`, { prefer });
      expect(answer.status).toBe(202);
      expect(answer.headers.get("preference-applied")).toBeNull();
    },
  );

  it("for longer than 120 s waits for 120 s, and says so", async () => {
    const { id } = await api.create();
    const waiting = begin("POST", `/workspaces/${id}/restart`, { prefer: 'WAIT="999"' });
    await accepted(id, 2);
    await api.finish(id, 1);
    await api.finish(id, 2);
    expect((await waiting).headers.get("preference-applied")).toBe("wait=120");
  });

  it("tells the failure as a problem of its own code, with the operation", async () => {
    const { id } = await api.create();
    await api.finish(id, 1);
    const waiting = begin("DELETE", `/workspaces/${id}`);
    await accepted(id, 2);
    await api.finish(id, 2, { code: "terminate_retry_exhausted", message: "the daemon said no" });
    const answer = await waiting;
    const [operation] = (await api.call("GET", `/workspaces/${id}/operations`)).body;
    expect(answer).toMatchObject({
      status: 500,
      body: {
        code: "terminate_retry_exhausted",
        status: 500,
        retryable: true,
        operation_id: operation.id,
        workspace_id: id,
        detail: "the daemon said no",
      },
    });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.headers.get("retry-after")).toBe("60");
  });

  it("of a tree names every delete that failed, and points to that of the workspace asked for", async () => {
    const { id } = await api.create();
    const children: string[] = [];
    for (let n = 0; n < 3; n++) children.push((await api.create({ parent_id: id })).id);
    for (const one of [id, ...children]) await api.finish(one, 1);
    const waiting = begin("DELETE", `/workspaces/${id}?cascade=true`);
    for (const one of [id, ...children]) await accepted(one, 2);
    const error = { code: "terminate_retry_exhausted", message: "the daemon said no" };
    await api.finish(children[1]!, 2, error);
    await api.finish(children[2]!, 2, error);
    await api.finish(children[0]!, 2);
    await api.finish(id, 2);
    const answer = await waiting;
    expect(answer).toMatchObject({ status: 500, body: { code: error.code, failed_count: 2 } });
    const failed = answer.body.failed as { workspace_id: string }[];
    expect(failed.map((one) => one.workspace_id).toSorted()).toEqual(children.slice(1).toSorted());
    for (const one of failed) expect(one).toMatchObject({ kind: "delete", state: "failed", error });
    const [own] = (await api.call("GET", `/workspaces/${id}/operations`)).body;
    expect(answer.headers.get("location")).toBe(`/operations/${own.id}`);
  });

  it("of a tree that isn't waited for can be followed by one operation, which has the others as its parts", async () => {
    const { id } = await api.create();
    const children: string[] = [];
    for (let n = 0; n < 3; n++) children.push((await api.create({ parent_id: id })).id);
    for (const one of [id, ...children]) await api.finish(one, 1);
    const accepted202 = await api.call("DELETE", `/workspaces/${id}?cascade=true`);
    expect(accepted202.status).toBe(202);
    const place = accepted202.headers.get("location")!;
    const follow = async () => (await api.call("GET", place)).body;
    expect(await follow()).toMatchObject({
      workspace_id: id,
      part_of: null,
      parts: { unfinished: 3, succeeded: 0, failed: 0, cancelled: 0, amiss: [] },
    });
    const error = { code: "terminate_retry_exhausted", message: "the daemon said no" };
    await api.finish(id, 2);
    await api.finish(children[0]!, 2);
    await api.finish(children[1]!, 2, error);
    const { parts, ...own } = await follow();
    expect(own.state).toBe("succeeded");
    expect(parts).toMatchObject({ unfinished: 1, succeeded: 1, failed: 1 });
    expect(parts.amiss).toMatchObject([{ workspace_id: children[1], error, part_of: own.id }]);
    const waiting = api.call("GET", place, { headers: { prefer: "wait=30" } });
    await api.finish(children[2]!, 2);
    expect((await waiting).body.parts).toMatchObject({ unfinished: 0, succeeded: 2, failed: 1 });
    const listed = (await api.call("GET", `/operations?part_of=${own.id}`)).body as {
      workspace_id: string;
    }[];
    expect(listed.map((one) => one.workspace_id).toSorted()).toEqual(children.toSorted());
    expect((await api.call("GET", `/operations/${listed[0]!.workspace_id}`)).status).toBe(404);
  });

  it("is told whether a failure may pass by what its cause was, and not by the code of all failures", async () => {
    const told = async (retryable: boolean) => {
      const { id } = await api.create();
      const waiting = begin("POST", `/workspaces/${id}/restart`);
      await accepted(id, 2);
      await api.finish(id, 1);
      await api.finish(id, 2, { code: "backend_failed", message: "<html>502</html>", retryable } as never);
      return waiting;
    };
    const passing = await told(true);
    expect(passing).toMatchObject({ status: 500, body: { code: "operation_failed", retryable: true } });
    expect(passing.headers.get("retry-after")).toBe("5");
    const lasting = await told(false);
    expect(lasting.body).toMatchObject({ code: "operation_failed", retryable: false });
    expect(lasting.headers.get("retry-after")).toBeNull();
  });

  it("tells a failure that has no code of ours as operation_failed, with its cause", async () => {
    const { id } = await api.create();
    const waiting = begin("POST", `/workspaces/${id}/restart`);
    await accepted(id, 2);
    await api.finish(id, 1);
    await api.finish(id, 2, { code: "image_missing", message: "No such image: nope" });
    const answer = await waiting;
    expect(answer).toMatchObject({
      status: 500,
      body: {
        code: "operation_failed",
        cause: "image_missing",
        retryable: false,
        detail: "No such image: nope",
      },
    });
    expect(answer.headers.get("retry-after")).toBeNull();
  });

  it("is told at once that a delete cancelled what it waits for", async () => {
    const { id } = await api.create();
    const waiting = begin("POST", `/workspaces/${id}/restart`);
    await accepted(id, 2);
    await api.call("DELETE", `/workspaces/${id}`);
    // At the end of its own time it would be 202.
    expect(await waiting).toMatchObject({ status: 409, body: { code: "operation_cancelled" } });
  });

  it("of a delete waits for all operations of the tree", async () => {
    const root = await api.create();
    const children = [await api.create({ parent_id: root.id }), await api.create({ parent_id: root.id })];
    let answered: Answer | undefined;
    const waiting = begin("DELETE", `/workspaces/${root.id}?cascade=true`).then(
      (answer) => (answered = answer),
    );
    await accepted(root.id, 2);
    await api.finish(root.id, 2);
    await api.finish(children[0].id, 2);
    await delay(100);
    expect(answered).toBeUndefined();
    await api.finish(children[1].id, 2);
    expect(await waiting).toMatchObject({
      status: 200,
      body: {
        status: "removed",
        cascade_deleted: 2,
        operation: { state: "succeeded", workspace_id: root.id },
      },
    });
    const states = answered!.body.operations.map((operation: { state: string }) => operation.state);
    expect(states).toEqual(["succeeded", "succeeded", "succeeded"]);
  });

  it("serves all callers of one operation over one connection, and reads its end once for many", async () => {
    const { id } = await api.create();
    await api.finish(id, 1);
    const waiting = Array.from({ length: 100 }, () => begin("POST", `/workspaces/${id}/restart`));
    await vi.waitFor(async () => {
      const { body } = await api.call("GET", `/workspaces/${id}/operations`);
      expect(body[0].coalesced).toBe(100);
    });
    expect(await listeners()).toHaveLength(1);
    const texts: string[] = [];
    const answers: Answer[] = [];
    await countRoundTrips(async () => {
      await api.finish(id, 2);
      answers.push(...(await Promise.all(waiting)));
    }, texts);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    const reads = texts.filter((text) => text.startsWith("select * from operations where id"));
    expect(reads.length, "reads of an end").toBeLessThan(50);
  });
});

describe("a wait", () => {
  it("survives the loss of its connection: what ended meanwhile is seen", async () => {
    const { operation } = await api.create();
    const own = waitingOn(api.databaseUrl, 600_000);
    const waiting = own.wait([operation.id], { timeoutMs: 20_000, signal: new AbortController().signal });
    await vi.waitFor(async () => expect(await listeners()).toHaveLength(2));
    await endSilently(operation.id);
    for (const pid of await listeners()) await api.pool.query("select pg_terminate_backend($1)", [pid]);
    expect(await waiting).toBe(true);
    await own.close();
  });

  it("sees an end that nobody was told of, even with nothing to listen to", async () => {
    const ids = [(await api.create()).operation.id, (await api.create()).operation.id];
    const own = waitingOn("postgres://127.0.0.1:1/none", 50);
    const waiting = own.wait(ids, { timeoutMs: 20_000, signal: new AbortController().signal });
    for (const id of ids) await endSilently(id);
    expect(await waiting).toBe(true);
    await own.close();
  });

  it("ends as soon as its caller has gone, or had gone already", async () => {
    const { operation } = await api.create();
    const own = waitingOn(api.databaseUrl, 600_000);
    const caller = new AbortController();
    const waiting = own.wait([operation.id], { timeoutMs: 600_000, signal: caller.signal });
    caller.abort();
    expect(await waiting).toBe(false);
    expect(await own.wait([operation.id], { timeoutMs: 600_000, signal: caller.signal })).toBe(false);
    await own.close();
    const { signal } = new AbortController();
    expect(await own.wait([operation.id], { timeoutMs: 600_000, signal })).toBe(false);
  });

  it("ends with the caller's connection, and the operation doesn't (I11)", async () => {
    const { id } = await api.create();
    await api.finish(id, 1);
    const caller = new AbortController();
    const waiting = fetch(`${api.url}/workspaces/${id}/restart`, {
      method: "POST",
      headers: { authorization: `Bearer test-admin-key-0123456789`, ...WAIT },
      signal: caller.signal,
    });
    await accepted(id, 2);
    caller.abort();
    await expect(waiting).rejects.toThrow(/abort/);
    await api.finish(id, 2);
    const [restart] = (await api.call("GET", `/workspaces/${id}/operations`)).body;
    expect(restart).toMatchObject({ kind: "restart", state: "succeeded" });
  });

  it("is answered with 202 when the process closes", async () => {
    const other = await startTestApi(null);
    const { id } = await other.create();
    const waiting = other.call("POST", `/workspaces/${id}/restart`, { headers: WAIT });
    await vi.waitFor(async () => {
      const { body } = await other.call("GET", `/workspaces/${id}/operations`);
      expect(body[0].ticket).toBe(2);
    });
    await other.close();
    expect((await waiting).status).toBe(202);
  });
});

describe("a key", () => {
  it("waits in a tenth of all requests that may, and is answered at once beyond that", async () => {
    const { operation } = await api.create();
    const logger = createLogger({ logLevel: "silent" }, "test");
    const signals = openSignals({ url: api.databaseUrl, pool: api.pool, logger });
    const own = createWaiting({ pool: api.pool, signals, logger, most: 30 });
    const wait = (name: string, timeoutMs: number) =>
      own.wait([operation.id], {
        timeoutMs,
        signal: new AbortController().signal,
        caller: { name, keyId: null },
      });
    try {
      let ended = 0;
      const three = [1, 2, 3].map(() => wait("greedy", 60_000).finally(() => ended++));
      expect(await wait("greedy", 60_000)).toBe(false);
      const other = wait("other", 60_000).finally(() => ended++);
      await wait("third", 1);
      expect(ended).toBe(0);
      own.close();
      expect(await Promise.all([...three, other])).toEqual([false, false, false, false]);
    } finally {
      own.close();
      await signals.close();
    }
  });
});

describe("5,000 waits in one process", () => {
  it("ask a statement a second of either kind while nothing happens, little when they begin, and nothing each when they end", async () => {
    const operations = await Promise.all(Array.from({ length: 25 }, () => api.create()));
    const pool = createPool(api.databaseUrl, { max: 5 });
    let statements = 0;
    const query = pool.query.bind(pool);
    pool.query = ((...parts: Parameters<typeof query>) => {
      statements++;
      return query(...parts);
    }) as typeof pool.query;
    const logger = createLogger({ logLevel: "silent" }, "test");
    const signals = openSignals({ url: api.databaseUrl, pool: api.pool, logger });
    const own = createWaiting({ pool, signals, logger });
    const { signal } = new AbortController();
    try {
      await vi.waitFor(async () => expect(await listeners()).toHaveLength(2));
      const options = { timeoutMs: 60_000, signal };
      const waits = Array.from({ length: 2_500 }, (_, n) => {
        const { id, operation } = operations[n % operations.length];
        return [own.wait([operation.id], options), own.waitForStatus(id, ["online"], options)];
      }).flat();
      const begun = await vi.waitFor(async () => {
        const before = statements;
        await delay(300);
        expect(statements, "the first looks are over").toBe(before);
        return before;
      });
      expect(begun, "statements to begin with").toBeLessThan(30);
      const from = performance.now();
      await delay(2_000);
      const seconds = (performance.now() - from) / 1_000;
      expect(statements - begun, `statements in ${seconds} s of waiting`).toBeLessThanOrEqual(
        2 * (seconds + 3),
      );
      for (const { id } of operations) await api.finish(id, 1);
      expect(new Set(await Promise.all(waits))).toEqual(new Set([true]));
      expect(statements - begun, "statements to see the ends of 25").toBeLessThan(60);
    } finally {
      own.close();
      await signals.close();
      await pool.end();
    }
  });
});

describe("wait_for", () => {
  it("answers when the workspace has the status, with the workspace as it is then", async () => {
    const { id } = await api.create();
    const waiting = begin("GET", `/workspaces/${id}?wait_for=online,failed`);
    await api.finish(id, 1);
    const answer = await waiting;
    expect(answer).toMatchObject({ status: 200, body: { id, status: "online" } });
    expect(answer.headers.get("preference-applied")).toBe("wait=30");
    expect(answer.headers.get("etag")).toBe(`"${answer.body.version}"`);
  });

  it("answers at once if it has it, and as it is when the time is up", async () => {
    const { id } = await api.create();
    expect((await begin("GET", `/workspaces/${id}?wait_for=provisioning`)).body.status).toBe("provisioning");
    const late = await begin("GET", `/workspaces/${id}?wait_for=online`, { prefer: "wait=1" });
    expect(late).toMatchObject({ status: 200, body: { status: "provisioning" } });
  });

  it("isn't waited for in vain: a removed workspace is told at once", async () => {
    const { id } = await api.create();
    await api.finish(id, 1);
    const waiting = begin("GET", `/workspaces/${id}?wait_for=paused`);
    await api.call("DELETE", `/workspaces/${id}`);
    expect((await waiting).body.status).toBe("removed");
  });

  it("of what is no status is refused by its name", async () => {
    const { id } = await api.create();
    const { status, body } = await api.call("GET", `/workspaces/${id}?wait_for=happy`);
    expect([status, body.errors[0].field]).toEqual([400, "wait_for[0]"]);
  });
});
