import axe from "axe-core";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KEY, startTestApi, type TestApi } from "../api/api.js";
import { startAnother } from "./another.js";
import { buildConsole, openBrowser, openConsole } from "./browser.js";
import { makeSick } from "./scene.js";

const VIEWS = ["", "workspaces", "operations", "sweeps", "leaks", "places", "webhooks", "keys"];

// Two API processes on one database, and no worker: nothing heals what is shown.
let api: TestApi;
let browser: Browser;
beforeAll(async () => {
  await buildConsole();
  [api, browser] = await Promise.all([startTestApi(null), openBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await api?.close();
});

describe("the console", () => {
  it("shows what another API process has accepted, as it happens", async () => {
    const other = await startAnother(api.databaseUrl);
    const page = await openConsole(browser, { url: other.url, key: KEY }, { hash: "workspaces" });
    const { id } = await api.create({ name: "elsewhere" });
    const row = page.getByRole("row").filter({ hasText: "elsewhere" });
    await row.getByText("starting").waitFor();
    await api.finish(id, 1);
    await row.getByText("online").waitFor();
    await page.close();
    await other.close();
  });

  it("says so while Berth doesn't answer, and finds back by itself", async () => {
    const page = await openConsole(browser, { url: api.url, key: KEY });
    await page.route("**/now", (route) =>
      route.fulfill({
        status: 503,
        contentType: "application/problem+json",
        body: JSON.stringify({
          type: "t",
          title: "Overloaded",
          status: 503,
          detail: "too much to do",
          code: "overloaded",
          retryable: true,
        }),
      }),
    );
    await page.getByText("Overloaded: too much to do").waitFor();
    await page.getByText("The fleet").waitFor();
    await page.unroute("**/now");
    await page.getByText("Overloaded: too much to do").waitFor({ state: "detached" });
    await page.close();
  });

  it("sends who isn't logged in to the login, and back to where they were", async () => {
    const page = await openConsole(browser, { url: api.url, key: KEY }, { hash: "sweeps" });
    await page.getByRole("heading", { level: 1, name: "Sweeps" }).waitFor();
    expect(new URL(page.url()).hash).toBe("#/sweeps");
    await page.close();
  });

  it("works by keyboard: the slash searches, a question is answered and left", async () => {
    const page = await openConsole(browser, { url: api.url, key: KEY }, { hash: "workspaces" });
    await page.getByRole("row").filter({ hasText: "elsewhere" }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("elsew");
    await expect.poll(() => new URL(page.url()).hash).toBe("#/workspaces?find=elsew");
    await page.getByRole("link", { name: "elsewhere" }).press("Enter");
    await page.getByRole("button", { name: "Delete", exact: true }).press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.close();
  });

  it.each([
    ["desktop, light", 1280, false],
    ["phone, dark", 390, true],
  ])(
    "has no serious fault of accessibility and is no wider than the screen, sick as it is: %s",
    async (_, width, dark) => {
      await makeSick({ pool: api.pool, create: async (name) => (await api.create({ name })).id });
      await api.pool.query(
        "update workspaces set status = 'failed', status_reason = 'no capacity' where name like 'broken-%'",
      );
      const { id } = (await api.call("GET", "/workspaces?name=elsewhere")).body[0];
      const page = await openConsole(browser, { url: api.url, key: KEY }, { width, dark });
      const found: string[] = [];
      for (const hash of [...VIEWS, `workspaces/${id}`, "sweeps?sweep=liveness"]) {
        await page.goto(`${api.url}/#/${hash}`);
        await page.locator("p", { hasText: "Reading…" }).first().waitFor({ state: "detached" });
        // Through the protocol, which the page's CSP doesn't bind.
        await page.evaluate(axe.source);
        const result = (await page.evaluate("axe.run()")) as axe.AxeResults;
        for (const { impact, id: rule, nodes } of result.violations)
          if (impact === "serious" || impact === "critical")
            found.push(`${hash}: ${rule} ${nodes[0]!.html.slice(0, 200)}`);
        if ((await page.evaluate("document.documentElement.scrollWidth")) !== width)
          found.push(`${hash}: too wide`);
      }
      expect(found).toEqual([]);
      await page.close();
    },
  );
});
