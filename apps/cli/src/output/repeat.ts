import { setTimeout as delay } from "node:timers/promises";
import type { Context } from "../context.js";

/** How often what is watched is looked at anew, in ms. */
const EVERY_MS = 2_000;
const CLEAR = "\u001b[H\u001b[2J";

/** Shows something once, or with `watch` again and again until Ctrl-C: on a terminal in the same place. */
export async function repeat(
  { signal, stdout }: Pick<Context, "signal" | "stdout">,
  watch: boolean,
  show: () => Promise<void>,
): Promise<void> {
  for (;;) {
    if (watch && stdout.isTTY === true) stdout.write(CLEAR);
    await show();
    if (!watch) return;
    await delay(EVERY_MS, undefined, { signal });
  }
}
