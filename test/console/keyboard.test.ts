import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KEY, startTestApi, type TestApi } from "../api/api.js";
import { buildConsole, openBrowser, openConsole } from "./browser.js";
import { askAll, walk } from "./focus.js";
import { makeSick } from "./scene.js";

const PHONE = 390;

// No worker: nothing heals what is shown, and nothing that is asked for begins.
let api: TestApi;
let browser: Browser;
let page: Page;
let views: string[];
beforeAll(async () => {
  await buildConsole();
  [api, browser] = await Promise.all([startTestApi(null), openBrowser()]);
  await makeSick({ pool: api.pool, create: async (name) => (await api.create({ name })).id });
  await api.pool.query("update workspaces set status = 'failed', status_reason = 'no capacity'");
  await api.call("POST", "/keys", { body: { name: "spare", scope: "viewer" } });
  await api.call("POST", "/webhooks", { body: { url: "https://hooks.example.com/berth" } });
  const { id, operation } = await api.create({ name: "walked" });
  views = ["", "workspaces", `workspaces/${id}`, "operations", `operations/${operation.id}`];
  views.push("sweeps", "leaks", "places", "webhooks", "keys");
  page = await openConsole(browser, { url: api.url, key: KEY });
});
afterAll(async () => {
  await browser?.close();
  await api?.close();
});

async function go(hash: string): Promise<void> {
  // Another document, so that the focus begins before all of it.
  await page.goto("about:blank");
  await page.goto(`${api.url}/#/${hash}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.getByText("Reading…").first().waitFor({ state: "detached" });
}

describe("the console by keyboard alone", () => {
  it.each([1280, PHONE])(
    "gets to all of each view by Tab, and shows where one is, %i wide",
    async (width) => {
      await page.setViewportSize({ width, height: 800 });
      const found: string[] = [];
      for (const hash of views) {
        await go(hash);
        found.push(...(await walk(page)).map((fault) => `#/${hash} ${fault}`));
      }
      expect(found).toEqual([]);
    },
  );

  it("asks each question so that the focus stays in it, can be left, and comes back to its button", async () => {
    await page.setViewportSize({ width: 1280, height: 800 });
    const found: string[] = [];
    let asked = 0;
    for (const hash of views) {
      await go(hash);
      const { faults, questions } = await askAll(page);
      found.push(...faults.map((fault) => `#/${hash} ${fault}`));
      asked += questions;
    }
    expect(found).toEqual([]);
    expect(asked).toBeGreaterThan(12);
    // Each of some thirty questions is held against axe.
  }, 300_000);

  it("acts: a leak is released with its reason, and a key made, by keys", async () => {
    await go("leaks");
    await page.getByRole("button", { name: "Release" }).first().focus();
    await page.keyboard.press("Enter");
    await page.keyboard.type("ended by hand");
    await page.keyboard.press("Enter");
    await page.getByText(/2 things/).waitFor();
    await go("keys");
    await page.getByLabel("Name of the new key").focus();
    await page.keyboard.type("by-keys");
    await page.keyboard.press("Tab");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText(/^The key by-keys/).waitFor();
    const { body: keys } = await api.call("GET", "/keys");
    expect(keys).toContainEqual(expect.objectContaining({ name: "by-keys", scope: "operator" }));
  });

  it("skips the navigation, goes from name to name by arrows, and on where a link has led", async () => {
    await go("workspaces");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    const at = () => page.evaluate("document.activeElement.id || document.activeElement.textContent");
    expect(await at()).toBe("main");
    const names = await page.getByRole("row").getByRole("link").allTextContents();
    await page.getByRole("row").getByRole("link").first().focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    expect(await at()).toBe(names[2]);
    await page.keyboard.press("ArrowUp");
    expect(await at()).toBe(names[1]);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: names[1]! }).waitFor();
    expect(await at()).toBe("main");
  });
});
