import { createRoom } from "@berth/api/limits/room";
import { createTurns, type Wish } from "@berth/api/limits/turns";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { startTestApi, type Answer, type TestApi } from "./api.js";

describe("the turns of callers", () => {
  type Took = ReturnType<typeof take>;
  const take = (turns: ReturnType<typeof createTurns>, by: string, extra: Partial<Wish> = {}) => {
    const one = { end: undefined as (() => void) | null | undefined };
    const done = turns.take({ by, room: () => 2, first: false, ...extra }).then((end) => (one.end = end));
    return Object.assign(one, { done });
  };
  const settled = () => new Promise<void>((resolve) => void setImmediate(resolve));

  it("come in order of arrival, so many at a time, and one caller's wait for no other's", async () => {
    const turns = createTurns();
    const reds = Array.from({ length: 5 }, () => take(turns, "red"));
    const blue = take(turns, "blue");
    await settled();
    expect(blue.end).toBeTypeOf("function");
    const goOn = () => reds.map(({ end }) => end !== undefined);
    expect(goOn()).toEqual([true, true, false, false, false]);
    reds[1]!.end!();
    reds[1]!.end!();
    await settled();
    expect(goOn(), "ended twice is ended once").toEqual([true, true, true, false, false]);
    reds[0]!.end!();
    reds[2]!.end!();
    await settled();
    expect(goOn()).toEqual([true, true, true, true, true]);
  });

  it("come first to what relieves, which is never refused", async () => {
    let now = 0;
    const turns = createTurns(() => now);
    const running = [take(turns, "red"), take(turns, "red")];
    const waits = take(turns, "red");
    now = 11_000;
    const refused = take(turns, "red");
    const relieves = take(turns, "red", { first: true });
    const other = take(turns, "blue");
    await settled();
    expect([waits.end, refused.end, relieves.end, other.end]).toEqual([
      undefined,
      null,
      undefined,
      expect.any(Function),
    ]);
    await running[0]!.done;
    running[0]!.end!();
    await settled();
    expect([waits.end, relieves.end]).toEqual([undefined, expect.any(Function)]);
  });

  it("are one for what waits for the same workspace, whether it waits or goes on", async () => {
    const turns = createTurns();
    const [a, other] = [take(turns, "red", { together: "a" }), take(turns, "red")];
    const again = take(turns, "red", { together: "a" });
    const b = [1, 2].map(() => take(turns, "red", { together: "b" }));
    await settled();
    expect(again.end).toBeTypeOf("function");
    expect(b.map(({ end }) => end)).toEqual([undefined, undefined]);
    a.end!();
    await settled();
    expect(b.map(({ end }) => end)).toEqual([undefined, undefined]);
    again.end!();
    await settled();
    expect(b.every(({ end }) => end)).toBe(true);
    other.end!();
  });

  it("leave time to others where much of one caller's waits, and none where nothing does", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    let now = 0;
    const turns = createTurns(() => now);
    const wish = { room: () => 1, ended: (tookMs: number) => tookMs / 2 };
    const [one, other, last] = [0, 1, 2].map(() => take(turns, "red", wish)) as [Took, Took, Took];
    await settled();
    now = 40;
    one.end!();
    vi.advanceTimersByTime(19);
    await settled();
    expect(other.end, "half of the 40 ms aren't over").toBe(undefined);
    vi.advanceTimersByTime(1);
    await settled();
    expect(other.end).toBeTypeOf("function");
    now = 50;
    other.end!();
    vi.advanceTimersByTime(5);
    await settled();
    now = 60;
    last.end!();
    const next = take(turns, "red", wish);
    await settled();
    expect(next.end).toBeTypeOf("function");
  });

  it("aren't kept for who has gone", async () => {
    const turns = createTurns();
    const running = take(turns, "red", { room: () => 1 });
    let leave: () => void = () => undefined;
    const gone = take(turns, "red", { room: () => 1, onGone: (go) => (leave = go) });
    const next = take(turns, "red", { room: () => 1 });
    await settled();
    leave();
    running.end!();
    await settled();
    leave();
    expect([gone.end, next.end]).toEqual([null, expect.any(Function)]);
  });
});

describe("the room for a caller", () => {
  it("is small while the process is at work all the time, grows while it has time left, and has no bound for who is alone", () => {
    let [now, used] = [0, 0.4];
    const room = createRoom({ most: 8, now: () => now, utilization: () => used });
    const after = (looks: number, utilization: number): number => {
      used = utilization;
      for (let n = 0; n < looks; n++) {
        now += 100;
        room.of("red");
      }
      return room.of("red");
    };
    room.meet("red");
    expect(room.of("red"), "alone").toBe(Infinity);
    room.meet("blue");
    expect([room.of("red"), room.of("blue")], "both ask").toEqual([1, 1]);
    expect(after(1, 0.1)).toBe(2);
    expect(after(20, 0.1), "at most").toBe(8);
    expect(after(5, 0.4), "as it is").toBe(8);
    expect(after(1, 0.5)).toBe(7);
    expect(after(1, 0.9)).toBe(4);
    expect(room.used("red", 10)).toBe(0);
    expect(after(20, 1), "at least").toBe(1);
    expect(room.used("red", 10), "and a pause three times as long as each").toBe(30);
    expect(after(2, 0.1)).toBe(1);
    expect([room.used("red", 10), after(5, 0.1)]).toEqual([20, 2]);
    expect(after(20, 1)).toBe(1);
    now += 60_000;
    room.meet("red");
    expect(room.of("red"), "blue hasn't asked for a minute").toBe(Infinity);
    expect(room.used("red", 10)).toBe(0);
    expect(room.of("blue")).toBeLessThan(9);
  });
});

describe("a caller who has had less than the others", () => {
  it("has all the room that there may be, and pauses for nobody", () => {
    let now = 0;
    const room = createRoom({ most: 8, now: () => now, utilization: () => 1 });
    for (let n = 0; n < 20; n++) {
      for (const [by, ms] of [
        ["red", 80],
        ["blue", 20],
      ] as const) {
        room.meet(by);
        room.used(by, ms);
      }
      now += 100;
      room.of("red");
    }
    expect([room.of("red"), room.of("blue")]).toEqual([1, 8]);
    expect([room.used("red", 40), room.used("blue", 40)]).toEqual([120, 0]);
    now += 60_000;
    room.meet("blue");
    room.meet("red");
    expect(room.of("red"), "what was is forgotten").toBe(1);
  });
});

describe("one caller who asks for much", () => {
  let api: TestApi;
  afterEach(() => api.close());

  /** How many statements wait for a lock. */
  const stuck = async (): Promise<number> => {
    const { rows } = await api.pool.query<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock' and query like '%workspaces%'`,
    );
    return rows[0]!.n;
  };

  it("has one read under way, keeps nobody else from theirs, and none while it only waits for an end", async () => {
    api = await startTestApi(null, {
      BERTH_LIMIT_REQUESTS_AT_ONCE: "1",
      BERTH_BACKENDS: "process,external",
      BERTH_OVERLOAD_POOL_WAIT_MS: "0",
    });
    const keyOf = async (team: string): Promise<string> =>
      (await api.call("POST", "/keys", { body: { name: team, scope: "operator", tenant: { team } } })).body
        .key;
    const [red, blue] = [await keyOf("red"), await keyOf("blue")];
    const ask = (key: string, method: string, path: string, body?: object, prefer = "wait=0") =>
      api.call(method, path, { body, headers: { authorization: `Bearer ${key}`, prefer } });
    // Somebody else asks too.
    expect((await ask(blue, "GET", "/workspaces")).status).toBe(200);

    const blocked = await api.pool.connect();
    await blocked.query("begin; lock table workspaces in access exclusive mode");
    const answers: Promise<Answer>[] = [];
    for (let n = 0; n < 30; n++) answers.push(ask(red, "GET", "/workspaces"));
    await expect.poll(stuck).toBe(1);
    answers.push(ask(blue, "GET", "/workspaces"));
    await expect.poll(stuck).toBe(2);
    // An operator.
    answers.push(api.call("GET", "/workspaces"));
    await expect.poll(stuck).toBe(3);
    expect((await api.call("GET", "/health")).status).toBe(200);
    expect(await stuck(), "the others of the first wait here").toBe(3);
    await blocked.query("rollback");
    blocked.release();
    for (const answer of answers) expect((await answer).status).toBe(200);

    // No worker runs: these wait.
    const create = { name: "w", backend: "external", spec: {} };
    const waits = Array.from({ length: 6 }, () => ask(red, "POST", "/workspaces", create, "wait=60"));
    await expect
      .poll(async () => (await ask(red, "GET", "/operations?state=queued")).body.length)
      .toBe(waits.length);
    expect((await ask(red, "POST", "/workspaces", create)).status).toBe(202);
    const stream = await fetch(`${api.url}/events/stream`, { headers: { authorization: `Bearer ${red}` } });
    expect((await ask(red, "GET", "/now")).status, "beside its stream").toBe(200);
    await stream.body!.cancel();
    await api.running.close();
    for (const answer of waits) expect((await answer).status).toBe(202);
  });
});
