// npm run bench:console [workspaces]: how soon the console shows them, and what 100 changes at once cost the page.
import pg from "pg";
import { fleetEnvironment } from "../support/fleet.js";
import { startPostgres } from "../support/postgres.js";
import { newDirectory, startStandalone } from "../e2e/standalone-process.js";
import { openBrowser, openConsole } from "../console/browser.js";

const MANY = Number(process.argv[2] ?? 10_000);
const BURST = 100;
const ROUNDS = 5;

/** Long tasks of the page's main thread since the last time it was asked, in ms. */
const WATCH = `window.blocked = 0; new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) window.blocked += duration;
}).observe({ type: "longtask" })`;

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
  const begun = performance.now();
  const since = () => Math.round(performance.now() - begun);
  await page.goto(`${url}/#/workspaces`);
  await page.getByRole("row").nth(10).waitFor();
  const first = since();
  await page.getByRole("heading", { name: MANY.toLocaleString("en-US"), exact: false }).waitFor();
  await page.getByText("so far").waitFor({ state: "detached" });
  console.log(`${MANY} workspaces: the first rows after ${first} ms, all after ${since()} ms`);

  await page.evaluate(WATCH);
  for (let round = 1; round <= ROUNDS; round++) {
    await page.evaluate("window.blocked = 0");
    await db.query(
      `insert into structure_events (event_type, workspace_id, payload)
       select 'workspace.updated', id, '{"fields": ["labels"], "source": "api", "requested_by": "bench"}'
       from workspaces order by created_at desc limit $1`,
      [BURST],
    );
    await db.query("select pg_notify('berth_event', '')");
    await page.waitForTimeout(8_000);
    console.log(
      `${BURST} changes: main thread blocked for ${Math.round(Number(await page.evaluate("window.blocked")))} ms`,
    );
  }
} finally {
  await browser.close();
  await standalone.interrupt();
  await db.end();
}
