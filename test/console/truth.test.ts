import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KEY, startTestApi, type TestApi } from "../api/api.js";
import { startAnother } from "./another.js";
import { buildConsole, openBrowser, openConsole } from "./browser.js";

// No worker: what is asked for begins only when a test says so.
let api: TestApi;
let browser: Browser;
beforeAll(async () => {
  await buildConsole();
  [api, browser] = await Promise.all([
    startTestApi(null, { BERTH_BACKENDS: "process,external" }),
    openBrowser(),
  ]);
});
afterAll(async () => {
  await browser?.close();
  await api?.close();
});

const open = (hash: string, key = KEY): Promise<Page> =>
  openConsole(browser, { url: api.url, key }, { hash });
const row = (page: Page, name: string) =>
  page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });

describe("a page that is left open", () => {
  it("says that what it shows is from before while that can't be read again", async () => {
    const { operation } = await api.create({ name: "in-doubt" });
    const page = await open(`operations/${operation.id}`);
    await page.getByRole("heading", { level: 1, name: "provision of in-doubt" }).waitFor();
    await page.route("**/operations/**", (route) => route.abort());
    await page.getByText("What you see is from").waitFor();
    await page.unroute("**/operations/**");
    await page.getByText("What you see is from").waitFor({ state: "detached" });
    await page.close();
  });

  it("follows the deletion of its workspace by somebody else to the end, and offers nothing then", async () => {
    const { id } = await api.create({ name: "deleted-elsewhere" });
    await api.finish(id, 1);
    const page = await open(`workspaces/${id}`);
    await page.getByRole("button", { name: "Restart", exact: true }).waitFor();
    await api.call("DELETE", `/workspaces/${id}`);
    await page.getByRole("button", { name: "Restart", exact: true }).waitFor({ state: "detached" });
    await page.getByRole("heading", { level: 1, name: "removed" }).waitFor();
    await api.finish(id, 2);
    expect((await api.call("DELETE", `/workspaces/${id}?purge=true`)).status).toBe(200);
    await page.getByRole("alert").getByText("there is no workspace").waitFor();
    expect(await page.getByRole("heading", { level: 1 }).count()).toBe(0);
    await page.close();
  });

  it("deletes only what it has shown: a child that came since is told of, and neither goes", async () => {
    const { id } = await api.create({ name: "has-shown" });
    const page = await open(`workspaces/${id}`);
    // It is asked for when the question is, and not shown by then.
    const read = page.waitForResponse(/\/workspaces\?parent_id=.*limit=1000/);
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    const dialog = page.getByRole("dialog");
    await read;
    await dialog.getByText("Reading…").waitFor({ state: "detached" });
    await page.route("**/workspaces?*", (route) => route.abort());
    await api.create({ name: "came-since", parent_id: id });
    await dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await dialog.getByRole("alert").getByText("live descendant").waitFor();
    expect((await api.call("GET", `/workspaces/${id}`)).body.status).not.toBe("removed");
    await page.close();
  });

  it("shows what an agent says of itself, and one of its errors", async () => {
    const { body } = await api.call("POST", "/workspaces", { body: { name: "talks", backend: "external" } });
    const said = { error_rate: 0.5, current_task: "indexing", sample_error: "no route to db" };
    const headers = { authorization: `Bearer ${body.token}`, "content-type": "application/json" };
    for (const call of ["register", "heartbeat"])
      await fetch(`${api.url}/registry/${call}`, {
        method: "POST",
        headers,
        body: JSON.stringify({ workspace_id: body.id, ...said }),
      });
    const page = await open(`workspaces/${body.id}`);
    await page.getByText("indexing", { exact: true }).waitFor();
    await page.getByText("no route to db", { exact: true }).waitFor();
    await page.close();
  });

  it("takes nothing but a number or “any” for a capacity", async () => {
    const page = await open("places");
    await page.getByRole("button", { name: "Capacity", exact: true }).first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox").fill("5O");
    await dialog.getByRole("button", { name: "Capacity", exact: true }).click();
    await dialog.getByRole("alert").getByText("neither a number nor").waitFor();
    await page.close();
  });

  it("leads to the login once its key is revoked, and back to where it was", async () => {
    const { body } = await api.call("POST", "/keys", { body: { name: "short", scope: "viewer" } });
    const page = await open("places", body.key);
    await api.call("DELETE", `/keys/${body.id}`);
    await page.getByLabel("API key").fill(KEY);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { level: 1, name: "Places" }).waitFor();
    await page.close();
  });

  it("lists after a restart of the API what came and went meanwhile, and says before that it may not", async () => {
    await api.create({ name: "stays" });
    const { id } = await api.create({ name: "goes" });
    await api.finish(id, 1);
    let other = await startAnother(api.databaseUrl);
    const { port } = new URL(other.url);
    const page = await openConsole(browser, { url: other.url, key: KEY }, { hash: "workspaces" });
    await row(page, "goes").waitFor();
    await other.close();
    await page.getByText("This page tries again by itself").waitFor();
    await api.create({ name: "comes" });
    await api.call("DELETE", `/workspaces/${id}`);
    // Events of that time aren't kept either.
    await api.pool.query("delete from structure_events");
    other = await startAnother(api.databaseUrl, { PORT: port });
    await row(page, "comes").waitFor();
    await row(page, "goes").waitFor({ state: "detached" });
    await page.getByText("This page tries again by itself").waitFor({ state: "detached" });
    expect(await row(page, "stays").count()).toBe(1);
    await page.close();
    await other.close();
  });
});
