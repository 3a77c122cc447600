import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { ensureCommands } from "../support/apt.js";

/** Of each wait for something in the page: what takes longer never comes. */
const PATIENCE_MS = 30_000;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Debian's Chromium, without a window. */
export async function openBrowser(): Promise<Browser> {
  const { chromium: executablePath } = await ensureCommands({ chromium: "chromium" });
  return chromium.launch({
    executablePath,
    // Root can't have its sandbox, and the page is our own.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
  });
}

/** What the API serves is what `npm test` has built; a piece of the tests builds the page's sources itself. */
export async function buildConsole(): Promise<void> {
  if (process.env["BERTH_TEST_BUILT"] === "1") return;
  const vite = join(ROOT, "node_modules/vite/bin/vite.js");
  const cwd = join(ROOT, "apps/console");
  const env = { ...process.env, NODE_ENV: "production" };
  await promisify(execFile)(process.execPath, [vite, "build", "--logLevel", "warn"], { cwd, env });
}

/** A page at `hash` of the console, in a browser that has logged in by the form. Fails the test on errors of its own. */
export async function openConsole(
  browser: Browser,
  at: { url: string; key: string },
  { hash = "", width = 1280, dark = false }: { hash?: string; width?: number; dark?: boolean } = {},
): Promise<Page & { troubles: string[] }> {
  const context = await browser.newContext({
    viewport: { width, height: 800 },
    colorScheme: dark ? "dark" : "light",
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const troubles: string[] = [];
  page.on("pageerror", (error) => troubles.push(error.message));
  page.on("console", (said) => {
    // The one is how the page learns that nobody is logged in.
    if (said.type() === "error" && !said.text().includes("401")) troubles.push(said.text());
  });
  await page.goto(`${at.url}/#/${hash}`);
  await page.getByLabel("API key").fill(at.key);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { level: 1 }).waitFor();
  return Object.assign(page, { troubles });
}
