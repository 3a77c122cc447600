// npm run pictures [-- directory]: the pictures of docs/console.md anew, or every view of a healthy and of a sick fleet,
// as a desktop and as a phone show them.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createPool } from "@berth/core/db/pool";
import type { Page } from "playwright-core";
import { ROOT } from "../support/pages.js";
import { startPostgres } from "../support/postgres.js";
import { openBrowser, openConsole } from "./browser.js";
import { makeSick, openScene, type Scene } from "./scene.js";

const WIDTHS = { desktop: 1280, phone: 390 } as const;
const [directory] = process.argv.slice(2);

/** A few teams' workspaces, of which one has a past. @returns the id of that one */
async function fill({ create, call }: Scene): Promise<string> {
  const echo = await create("echo", { labels: { team: "red", app: "agent" } });
  for (const name of ["echo-build", "echo-test"])
    await create(name, { parent_id: echo, labels: { team: "red" } });
  for (let n = 1; n <= 12; n++)
    await create(`agent-${n}`, {
      backend: "external",
      spec: {},
      labels: { team: n % 2 === 0 ? "red" : "blue" },
    });
  for (const verb of ["restart", "pause", "resume"]) await call("POST", `/workspaces/${echo}/${verb}`);
  await call("POST", "/keys", { name: "ci", scope: "operator" });
  return echo;
}

/** The views as they are reached. */
async function viewsOf({ call }: Scene, echo: string): Promise<Record<string, string>> {
  const { body } = await call("GET", "/operations?limit=1");
  return {
    now: "",
    workspaces: "workspaces",
    tree: "workspaces?tree=1&label=team:red",
    workspace: `workspaces/${echo}`,
    operations: "operations",
    operation: `operations/${body[0].id}`,
    sweeps: "sweeps",
    leaks: "leaks",
    places: "places",
    webhooks: "webhooks",
    keys: "keys",
  };
}

async function shoot(page: Page, url: string, hash: string, path: string, fullPage: boolean): Promise<void> {
  await page.goto(`${url}/#/${hash}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.getByText("Reading…").first().waitFor({ state: "detached" });
  // What a view reads besides comes a moment later; nobody waits for a picture but this.
  await page.waitForTimeout(1_500);
  await page.screenshot({ path, fullPage });
}

await using server = await startPostgres();
const pool = createPool(server.url, { name: "pictures" });
const scene = await openScene({ url: server.url, pool, drop: () => pool.end() });
const browser = await openBrowser();
try {
  const echo = await fill(scene);
  const views = await viewsOf(scene, echo);
  const pages = {
    desktop: await openConsole(browser, scene, { width: WIDTHS.desktop }),
    phone: await openConsole(browser, scene, { width: WIDTHS.phone }),
  };
  const shootAll = async (fleet: string) => {
    for (const [form, page] of Object.entries(pages))
      for (const [view, hash] of Object.entries(views))
        await shoot(page, scene.url, hash, join(directory!, `${fleet}-${form}-${view}.png`), true);
  };
  if (directory !== undefined) {
    await mkdir(directory, { recursive: true });
    await shootAll("healthy");
  }
  await makeSick(scene);
  if (directory !== undefined) await shootAll("sick");
  else
    for (const [name, form, view] of [
      ["now", "desktop", "now"],
      ["workspaces", "desktop", "tree"],
      ["workspace", "desktop", "workspace"],
      ["phone", "phone", "now"],
    ] as const)
      await shoot(pages[form], scene.url, views[view]!, join(ROOT, `docs/console-${name}.png`), false);
} finally {
  await browser.close();
  await scene.close();
}
