import axe from "axe-core";
import type { Page } from "playwright-core";

/** What a person without a mouse can get to: all that is shown and can be pressed, followed or filled in. */
const REACHABLE = "a[href], button:enabled, input:enabled, select:enabled, [tabindex='0']";

/** Marks what has the focus, and tells what it is and how it is seen; null: nothing has, or it had it before. */
const LOOK = `(() => {
  const at = document.activeElement;
  if (at === document.body || at.dataset.walked === "1") return null;
  at.dataset.walked = "1";
  const box = at.getBoundingClientRect();
  const { outlineStyle, outlineWidth } = getComputedStyle(at);
  const within = (value, most) => Math.min(Math.max(value, 0), most - 1);
  const there = document.elementFromPoint(
    within(box.left + box.width / 2, innerWidth), within(box.top + box.height / 2, innerHeight));
  return {
    says: at.outerHTML.slice(0, 120),
    shown: outlineStyle !== "none" && parseFloat(outlineWidth) >= 1,
    inSight: there !== null && (at.contains(there) || there.contains(at)),
  };
})()`;
const MISSED = `[...document.querySelectorAll("${REACHABLE}")]
  .filter((one) => one.checkVisibility() && one.dataset.walked !== "1").map((one) => one.outerHTML.slice(0, 120))`;

/** Tab by Tab through a view: what can't be got to, and where one can't see where one is. */
export async function walk(page: Page): Promise<string[]> {
  const faults: string[] = [];
  const most = (await page.locator(REACHABLE).count()) + 50;
  for (let step = 0; step < most; step++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate<{ says: string; shown: boolean; inSight: boolean } | null>(LOOK);
    if (at === null) break;
    if (!at.shown) faults.push(`shows no focus: ${at.says}`);
    if (!at.inSight) faults.push(`is covered or out of sight: ${at.says}`);
  }
  const missed = await page.evaluate<string[]>(MISSED);
  return [...faults, ...missed.map((says) => `isn't reached: ${says}`)];
}

/**
 * Asks each question of a view once, by keys alone: whether it takes the focus, keeps it, can be left in both ways and gives
 * it back, and whether axe finds a serious fault in it.
 */
export async function askAll(page: Page): Promise<{ faults: string[]; questions: number }> {
  const faults: string[] = [];
  let questions = 0;
  const main = page.locator("main");
  const dialog = page.getByRole("dialog");
  const labels = await main.locator(".buttons button:enabled, .acts button:enabled").allTextContents();
  for (const label of new Set(labels)) {
    const button = main.getByRole("button", { name: label, exact: true }).first();
    await button.focus();
    await page.keyboard.press("Enter");
    if (!(await dialog.isVisible())) continue;
    questions++;
    if ((await page.evaluate(FOCUS)) !== "inside") faults.push(`${label}: begins outside of its question`);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate<axe.AxeResults>("axe.run('dialog')");
    for (const { impact, id } of violations)
      if (impact === "serious" || impact === "critical") faults.push(`${label}: ${id}`);
    for (let step = 0; step < 6; step++) {
      await page.keyboard.press("Tab");
      if ((await page.evaluate(FOCUS)) === "outside") faults.push(`${label}: is left by Tab`);
    }
    const leave = async (how: string, press: () => Promise<void>): Promise<void> => {
      await press();
      await dialog.waitFor({ state: "detached" });
      if (!(await button.evaluate((one) => one.matches(":focus"))))
        faults.push(`${label}: ${how} doesn't lead back`);
    };
    await leave("Escape", () => page.keyboard.press("Escape"));
    await page.keyboard.press("Enter");
    await leave("Not now", () => dialog.getByRole("button", { name: "Not now" }).press("Enter"));
  }
  return { faults, questions };
}

/** Beyond the last of a question the browser's own bar has the focus, and the page nothing. */
const FOCUS = `document.activeElement === document.body ? "nowhere"
  : document.activeElement.closest("dialog") === null ? "outside" : "inside"`;
