import { randomUUID } from "node:crypto";
import { noteContact } from "@berth/core/db/place-workers";
import { transaction } from "@berth/core/db/pool";
import { registerSweeps, setHeld } from "@berth/core/db/sweeps";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KEY, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null);
});
afterAll(() => api.close());

const page = async () => {
  const response = await fetch(`${api.url}/admin/fleet`, {
    headers: { authorization: `Bearer ${KEY}` },
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

describe("the fleet page", () => {
  it("says so when nothing leaks and no sweep has run", async () => {
    const { status, headers, text } = await page();
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(text).toContain("None: all that is to go is proven gone.");
    expect(text).toContain("never ran");
  });

  it("says first what is amiss, and lists leaks before what operations under way are about to remove", async () => {
    const { id } = await api.create();
    await api.finish(id, 1);
    const other = await api.create();
    await api.finish(other.id, 1);
    await api.pool.query(
      "update workspaces set status = 'failed', status_reason = 'capacity' where id = $1",
      [other.id],
    );
    await api.call("DELETE", `/workspaces/${id}`);
    const releasing = (n: number, workspace: string, since: string) =>
      api.pool.query(
        `insert into resources (id, workspace_id, kind, backend, name, client_token, generation, state, next_attempt_at, releasing_at)
         values ($1, $2, 'volume', 'process', 'ws-' || $3, 't', 0, 'releasing', now(), now() - $4::interval)`,
        [randomUUID(), workspace, String(n), since],
      );
    await releasing(0, id, "2 days");
    const body = (text: string) => text.slice(text.indexOf("<body>")).replace(/\s+/g, " ");
    const before = body((await page()).text);
    expect(before).toMatch(/log out<\/a> <\/p> <p class="bad">1 workspaces have failed: each one/);
    expect(before).toContain("1 deletes are under way");
    expect(before).toContain("None beside 1 thing(s) that operations under way are to remove");
    expect(before).not.toContain('class="good">None');
    for (let n = 1; n <= 3; n++) await releasing(n, randomUUID(), "1 hour");
    const after = body((await page()).text);
    expect(after).toContain("3 in all;");
    expect(after.match(/its workspace has no row/g)).toHaveLength(3);
    await api.pool.query("delete from resources");
  });

  it("shows what a breaker holds and why, and a leak with its last error", async () => {
    await registerSweeps(api.pool, [{ name: "leaked-instances", everyMs: 60_000 }]);
    await setHeld(api.pool, "leaked-instances", {
      looked_at: 40,
      would_act: 39,
      actions: [{ key: "i-1", what: "terminate i-1", why: "no ledger row claims it" }],
    });
    await api.pool.query(
      `insert into resources (id, workspace_id, kind, backend, name, client_token, provider_id, generation, state,
         next_attempt_at, attempts, last_error)
       values ($1, $2, 'instance', 'ec2', 'ws-x', 't', 'i-0123', 1, 'releasing', now(), 7,
         '{"code": "backend_failed", "message": "it <b>won''t</b> stop", "provider_code": null}')`,
      [randomUUID(), randomUUID()],
    );
    const { text } = await page();
    expect(text).toMatch(/leaked-instances holds back 39 of 40/);
    expect(text).toContain("no ledger row claims it");
    expect(text).toContain("i-0123");
    expect(text, "what a provider says is text and no markup").toContain(
      "it &#60;b&#62;won&#39;t&#60;/b&#62; stop",
    );
  });

  it("shows places, and a worker that reaches another one than the one meant, as /ready does (I12)", async () => {
    const problem = "this worker's daemon is B; place process is A";
    await transaction(api.pool, (tx) =>
      noteContact(tx, { place: "process", worker: "w", state: "mismatch", identity: "B", problem }),
    );
    expect((await page()).text).toContain("this worker&#39;s daemon is B; place process is A");
    expect((await api.call("GET", "/ready")).body.degraded).toEqual([problem]);
    const { body } = await api.call("GET", "/metrics");
    expect(body.split("\n")).toContain('berth_place_workers{place="process",state="mismatch"} 1');
    expect(body.split("\n")).toContain('berth_place_obligations{place="ec2"} 1');
  });

  it("lets nothing run but its own style", async () => {
    const { headers, text } = await page();
    const nonce = /<style nonce="([^"]+)">/.exec(text)?.[1];
    expect(headers.get("content-security-policy")).toBe(
      `default-src 'none'; style-src 'nonce-${nonce!.replaceAll("&#61;", "=").replaceAll("&#43;", "+")}'; frame-ancestors 'none'`,
    );
    expect(text).not.toContain("<script");
  });
});
