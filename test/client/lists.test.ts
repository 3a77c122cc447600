import { type Client, createClient } from "@berth/client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { KEY, PROCESS_SPEC, startTestApi, type TestApi } from "../api/api.js";
import { startWire } from "./wire.js";

let api: TestApi;
let berth: Client;
const made: string[] = [];
beforeAll(async () => {
  api = await startTestApi(null);
  berth = createClient({ url: api.url, key: KEY, retry: { baseMs: 10 } });
  for (let n = 0; n < 23; n++) {
    const body = { name: `w-${n}`, spec: PROCESS_SPEC, labels: { odd: String(n % 2 === 1) } };
    made.push((await berth.POST("/workspaces", { body })).data.id);
  }
});
afterAll(() => api.close());

it("pages are followed to the last one, each row once and in order", async () => {
  const sizes: number[] = [];
  const ids: string[] = [];
  for await (const page of berth.pages("/workspaces", { params: { query: { limit: 10 } } })) {
    sizes.push(page.length);
    ids.push(...page.map(({ id }) => id));
  }
  expect(sizes).toEqual([10, 10, 3]);
  expect(ids).toEqual(made);
});

it("rows keep their filter over all pages, also behind a cut connection", async () => {
  await using wire = await startWire(api.url);
  const far = createClient({ url: wire.url, key: KEY, retry: { baseMs: 10 } });
  const names: string[] = [];
  const query = { limit: 2, label: ["odd:true"] };
  for await (const { name } of far.rows("/workspaces", { params: { query } })) {
    names.push(name);
    if (names.length % 4 === 0) wire.loseReplies(1);
  }
  expect(names).toEqual(Array.from({ length: 11 }, (_, n) => `w-${2 * n + 1}`));
});

it("lists of a path, of events and of quotas are followed alike", async () => {
  const [id] = made as [string];
  for (const max_running of [50, 60])
    await berth.PUT("/quotas/{label}", {
      params: { path: { label: `team:a b${max_running}/*` } },
      body: { max_running },
    });
  const all = async <T>(rows: AsyncIterable<T>): Promise<T[]> => {
    const found: T[] = [];
    for await (const row of rows) found.push(row);
    return found;
  };
  await api.finish(id, 1);
  await berth.POST("/workspaces/{id}/restart", { params: { path: { id } } });
  const one = { path: { id }, query: { limit: 1 } };
  const operations = await all(berth.rows("/workspaces/{id}/operations", { params: one }));
  expect(operations.map(({ kind }) => kind)).toEqual(["restart", "provision"]);
  const events = await all(berth.rows("/events", { params: { query: { limit: 7 } } }));
  expect(events.length).toBeGreaterThanOrEqual(24);
  expect(events.map((event) => event.id)).toEqual([...new Set(events.map((event) => event.id))]);
  const quotas = await all(berth.rows("/quotas", { params: { query: { limit: 1 } } }));
  expect(quotas.map(({ max_running }) => max_running)).toEqual([50, 60]);
});
