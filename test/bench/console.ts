// npm run bench -- console [workspaces] [minutes]: how soon the console shows them, what 100 changes at once cost the page, and,
// for as many minutes as are asked for, what memory it takes while they go on.
import pg from "pg";
import type { Page } from "playwright-core";
import { fleetEnvironment } from "../support/fleet.js";
import { startPostgres } from "../support/postgres.js";
import { newDirectory, startStandalone } from "../e2e/standalone-process.js";
import { openBrowser, openConsole } from "../console/browser.js";

const MANY = Number(process.argv[2] ?? 10_000);
const MINUTES = Number(process.argv[3] ?? 0);
const BURST = 100;
const ROUNDS = 5;
/** All that a burst causes is done within this. */
const BETWEEN_MS = 8_000;

/**
 * What CPU all tasks of the page's main thread have taken so far, in ms, whatever else the machine does; and its objects,
 * after all garbage is gone, in MB.
 */
async function watch(page: Page): Promise<{ busy(): Promise<number>; heap(): Promise<number> }> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const metrics = async (...wanted: string[]): Promise<number> =>
    (await session.send("Performance.getMetrics")).metrics
      .filter(({ name }) => wanted.includes(name))
      .reduce((sum, { value }) => sum + value, 0);
  return {
    busy: async () => Math.round((await metrics("TaskDuration")) * 1_000),
    async heap() {
      await session.send("HeapProfiler.collectGarbage");
      return Math.round((await metrics("JSHeapUsedSize")) / 1e5) / 10;
    },
  };
}

/** 100 workspaces change at once, as a bulk operation changes them. */
async function burst(db: pg.Client): Promise<void> {
  await db.query(
    `insert into structure_events (event_type, workspace_id, payload)
     select 'workspace.updated', id, '{"fields": ["labels"], "source": "api", "requested_by": "bench"}'
     from workspaces order by created_at desc limit $1`,
    [BURST],
  );
  await db.query("select pg_notify('berth_event', '')");
}

async function fill(db: pg.Client): Promise<void> {
  await db.query("set session_replication_role = replica");
  await db.query(
    `insert into workspaces (id, name, backend, place, spec, labels, status, generation, created_at)
     select md5('w' || i)::uuid, 'ws-' || i, 'external', 'external', '{}', jsonb_build_object('team', 't' || i % 100),
       case when i % 20 = 1 then 'failed' else 'online' end, 1, now() - i * interval '1 min'
     from generate_series(1, $1) i`,
    [MANY],
  );
  await db.query("insert into gates (workspace_id) select id from workspaces");
  await db.query("reset session_replication_role");
  await db.query("vacuum analyze workspaces");
}

await using server = await startPostgres();
const environment = fleetEnvironment(server.url, null, { BERTH_BACKENDS: "external", PORT: "0" });
const standalone = startStandalone(await newDirectory(), environment);
const { url } = await standalone.ready;
const db = new pg.Client({ connectionString: server.url });
await db.connect();
const browser = await openBrowser();
try {
  await fill(db);
  const page = await openConsole(browser, { url, key: environment["BERTH_ADMIN_KEY"]! });
  await page.goto("about:blank");
  const seen = await watch(page);
  const begun = performance.now();
  const since = () => Math.round(performance.now() - begun);
  await page.goto(`${url}/#/workspaces`);
  await page.getByRole("row").nth(10).waitFor();
  const first = since();
  await page.getByRole("heading", { name: MANY.toLocaleString("en-US"), exact: false }).waitFor();
  await page.getByText("so far").waitFor({ state: "detached" });
  console.log(`${MANY} workspaces: the first rows after ${first} ms, all after ${since()} ms`);

  console.log(`the main thread was busy for ${await seen.busy()} ms in that`);

  const during = async (work: () => Promise<void>): Promise<number> => {
    const before = await seen.busy();
    await work();
    await page.waitForTimeout(BETWEEN_MS);
    return (await seen.busy()) - before;
  };
  for (let round = 1; round <= ROUNDS; round++) {
    const idle = await during(async () => undefined);
    const all = await during(() => burst(db));
    console.log(`${BURST} changes: ${all} ms of the main thread in ${BETWEEN_MS}; without any ${idle} ms`);
  }
  if (MINUTES > 0) console.log(`before minutes of changes: ${await seen.heap()} MB`);
  for (let minute = 1; minute <= MINUTES; minute++) {
    for (let many = 60_000 / BETWEEN_MS; many > 0; many--) {
      await burst(db);
      await page.waitForTimeout(BETWEEN_MS);
    }
    console.log(`after ${minute} minutes of changes: ${await seen.heap()} MB`);
  }
} finally {
  await browser.close();
  await standalone.interrupt();
  await db.end();
}
