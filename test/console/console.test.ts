import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildConsole, openBrowser, openConsole } from "./browser.js";
import { makeSick, openScene, type Scene } from "./scene.js";

let scene: Scene;
let browser: Browser;
let page: Page & { troubles: string[] };
beforeAll(async () => {
  await buildConsole();
  [scene, browser] = await Promise.all([openScene(), openBrowser()]);
  page = await openConsole(browser, scene);
});
afterAll(async () => {
  await browser?.close();
  await scene?.close();
});

const go = async (hash: string, heading: string): Promise<void> => {
  await page.goto(`${scene.url}/#/${hash}`);
  await page.getByRole("heading", { level: 1, name: heading }).waitFor();
};
/** Presses a button, and the one of the question that it asks. */
const act = async (label: string, field?: string): Promise<void> => {
  await page.getByRole("button", { name: label, exact: true }).first().click();
  const question = page.getByRole("dialog");
  if (field !== undefined) await question.getByRole("textbox").fill(field);
  await question.getByRole("button", { name: label, exact: true }).click();
  await question.waitFor({ state: "detached" });
};
const row = (name: string) =>
  page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
const statusOf = async (id: string): Promise<string> =>
  (await scene.call("GET", `/workspaces/${id}`)).body.status;

describe("the console", () => {
  it("is served without a login, and shows nothing of the fleet before one", async () => {
    const index = await fetch(scene.url);
    expect(index.status).toBe(200);
    expect(index.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self';/,
    );
    const text = await index.text();
    const [, script] = /src="(\/assets\/[^"]+\.js)"/.exec(text)!;
    const file = await fetch(scene.url + script);
    expect([file.status, file.headers.get("cache-control")]).toEqual([
      200,
      "public, max-age=31536000, immutable",
    ]);
    expect((await fetch(`${scene.url}/assets/nothing.js`)).status, "as any path that strangers ask for").toBe(
      401,
    );
  });

  it("is green only while nothing is wrong, and then says what is, why, and who acts", async () => {
    await go("", "Now");
    await page.getByText("All is well").waitFor();
    await makeSick(scene);
    await page.getByText("3 workspaces have failed").waitFor();
    expect(await page.getByText("All is well").count()).toBe(0);
    await page.getByText("liveness holds back 37 of 115").waitFor();
    await page.getByText("The webhook of chat.example.com was turned off by its endpoint").waitFor();
    await page.getByText("3 instances in ec2 should be gone and may still be there").waitFor();
    expect(
      await page.getByRole("listitem").filter({ hasText: "3 workspaces have failed" }).textContent(),
    ).toContain("/nonexistent/agent");
  });

  it("lets a person approve from there what a breaker holds", async () => {
    await act("Approve");
    await expect
      .poll(async () =>
        (await scene.call("GET", "/sweeps")).body.find(({ name }: { name: string }) => name === "liveness"),
      )
      .toMatchObject({ held: null });
    await page.getByText("liveness holds back").waitFor({ state: "detached" });
  });

  it("lists workspaces, finds them, and shows what changes as it changes", async () => {
    const parent = await scene.create("echo", { labels: { team: "red" } });
    await go("workspaces", "Workspaces");
    await row("echo").getByText("online").waitFor();
    await scene.create("echo-child", { parent_id: parent });
    await row("echo-child").getByText("online").waitFor();
    await page.getByRole("searchbox").fill("team:red");
    await row("echo-child").waitFor({ state: "detached" });
    expect(await row("echo").count()).toBe(1);
    await page.getByRole("searchbox").fill("");
    await page.getByLabel("as a tree").check();
    const names = async () => page.getByRole("row").getByRole("link").allTextContents();
    await expect
      .poll(async () => (await names()).indexOf("echo-child") - (await names()).indexOf("echo"))
      .toBe(1);
    await page.getByRole("button", { name: /failed/ }).click();
    await row("echo").waitFor({ state: "detached" });
    expect(await row("broken-1").textContent()).toContain("can't be run");
  });

  it("shows one workspace: why, its timeline, what it writes, and acts on it", async () => {
    const { body } = await scene.call("GET", "/workspaces?name=echo");
    const { id } = body[0];
    await go(`workspaces/${id}`, "echo");
    await page.getByText("it is where it should be").waitFor();
    await page
      .locator("pre")
      .filter({ hasText: /line \d+/ })
      .waitFor();
    await page.getByRole("link", { name: /^provision succeeded after/ }).waitFor();
    await act("Restart");
    await page.getByRole("link", { name: /^restart succeeded after/ }).waitFor();
    await act("Pause");
    await expect.poll(() => statusOf(id)).toBe("paused");
    await act("Resume");
    await expect.poll(() => statusOf(id)).toBe("online");
    await page.getByRole("button", { name: "Hibernate", exact: true }).waitFor();
    await act("Hibernate");
    await expect.poll(() => statusOf(id)).toBe("hibernated");
  });

  it("shows what goes with a workspace before it deletes it", async () => {
    const { id } = (await scene.call("GET", "/workspaces?name=echo")).body[0];
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("dialog").getByText("echo-child").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
    await expect.poll(() => statusOf(id)).toBe("removed");
  });

  it("shows operations, and retries one that failed", async () => {
    await go("operations?state=failed", "Operations");
    await page.getByRole("link", { name: "broken-1", exact: true }).first().waitFor();
    await act("Retry");
    await expect
      .poll(async () =>
        (await scene.call("GET", "/operations?kind=provision,restart")).body.filter(
          ({ retry_of }: { retry_of: unknown }) => retry_of !== null,
        ),
      )
      .not.toEqual([]);
    await page.getByRole("link", { name: "provision", exact: true }).first().click();
    await page.getByRole("heading", { level: 1, name: /provision of broken/ }).waitFor();
    const job = await page.getByRole("link", { name: "Its job in the queues" }).getAttribute("href");
    expect(job).toMatch(/^\/admin\/queues\/queue\/operations-process\/[0-9a-f-]{36}-1$/);
  });

  it("shows sweeps: a dry run as a plan, pause, resume and run", async () => {
    await go("sweeps?sweep=provisioning-timeout", "Sweeps");
    const sweep = page
      .getByRole("listitem")
      .filter({ has: page.getByRole("heading", { name: /^provisioning-timeout/ }) });
    await sweep.getByRole("button", { name: "What would it do now?" }).click();
    await sweep.getByText(/^Nothing: it looked at/).waitFor();
    const press = async (label: string): Promise<void> => {
      await sweep.getByRole("button", { name: label, exact: true }).click();
      await page.getByRole("dialog").getByRole("button", { name: label, exact: true }).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
    };
    await press("Run now");
    await press("Pause");
    await sweep.getByText("paused by admin").waitFor();
    await press("Resume");
    await sweep.getByText("paused by admin").waitFor({ state: "detached" });
  });

  it("shows leaks with their age and cost, and takes a person's word", async () => {
    await go("leaks", "Leaks");
    await page.getByText(/3 things/).waitFor();
    await act("Release", "ended by hand, ticket 4711");
    await page.getByText(/2 things/).waitFor();
    await act("Retry");
  });

  it("shows places, and has one take no more and hold only so many", async () => {
    await go("places", "Places");
    const place = async () => (await scene.call("GET", "/places/process")).body;
    const card = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: /^process/ }) });
    const press = async (label: string, text?: string): Promise<void> => {
      await card.getByRole("button", { name: label, exact: true }).click();
      if (text !== undefined) await page.getByRole("dialog").getByRole("textbox").fill(text);
      await page.getByRole("dialog").getByRole("button", { name: label, exact: true }).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
    };
    await press("Take no more");
    await card.getByText("takes no more").waitFor();
    await press("Take workspaces again");
    await press("Capacity", "50");
    expect(await place()).toMatchObject({ cordoned: false, capacity: 50 });
    await press("Capacity", "any");
    expect(await place()).toMatchObject({ capacity: null });
    await press("Empty it…");
    await card.getByText("is emptied", { exact: true }).waitFor();
    expect(await place()).toMatchObject({ cordoned: true, draining: { by: expect.any(String) } });
    await press("Take workspaces again");
    await card.getByText("served", { exact: true }).waitFor();
    expect(await place()).toMatchObject({ cordoned: false, draining: null });
  });

  it("makes a webhook, shows its secret once, and turns it off; makes a key, shows it once, and revokes it", async () => {
    await go("webhooks", "Webhooks");
    await page.getByLabel("Where events are sent").fill("https://hooks.example.com/berth");
    await page.getByLabel("Types of events").fill("workspace.online, workspace.failed");
    await page.getByRole("button", { name: "Make a webhook" }).click();
    const told = page.getByText(/^The secret of https:\/\/hooks.example.com/);
    expect(await told.getByRole("code").textContent()).toMatch(/^whsec_/);
    expect((await scene.call("GET", "/webhooks")).body).toContainEqual(
      expect.objectContaining({
        url: "https://hooks.example.com/berth",
        types: ["workspace.online", "workspace.failed"],
      }),
    );
    await act("Turn off");
    // The one that its endpoint has turned off is the other.
    await page.getByRole("button", { name: "Turn on" }).nth(1).waitFor();
    await go("keys", "Keys");
    await page.getByLabel("Name of the new key").fill("console-test");
    await page.getByRole("button", { name: "Make a key" }).click();
    const made = await page
      .getByText(/^The key console-test/)
      .getByRole("code")
      .textContent();
    const asked = () => fetch(`${scene.url}/now`, { headers: { authorization: `Bearer ${made}` } });
    expect((await asked()).status).toBe(200);
    await act("Revoke");
    expect((await asked()).status).toBe(401);
  });

  it("says no in words where a key may not do what its button asks", async () => {
    const { body } = await scene.call("POST", "/keys", { name: "viewer", scope: "viewer" });
    const theirs = await openConsole(browser, { url: scene.url, key: body.key }, { hash: "sweeps" });
    await theirs.getByRole("button", { name: "Pause", exact: true }).first().click();
    await theirs.getByRole("dialog").getByRole("button", { name: "Pause", exact: true }).click();
    await theirs
      .getByRole("alert")
      .getByText(/needs a key of scope admin/)
      .waitFor();
    await theirs.close();
  });

  it("had no error of its own in all this", () => {
    expect(page.troubles.filter((text) => !text.includes("404"))).toEqual([]);
  });
});
