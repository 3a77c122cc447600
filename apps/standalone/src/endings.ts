import type { Logger } from "@berth/core/base/logger";
import { reasonOf } from "./start-error.js";

/** What was started, to be ended in the reverse order. */
export class Endings {
  readonly #entries: { name: string; close: () => Promise<void>; kill: () => void }[] = [];

  /** @param kill what to do when there is no time for `close`; must not wait. */
  add(name: string, close: () => Promise<void>, kill: () => void = () => undefined): void {
    this.#entries.push({ name, close, kill });
  }

  /** Ends all, one after the other; a failure is logged and the next one is ended all the same. */
  async close(log: Logger): Promise<void> {
    for (let entry = this.#entries.pop(); entry; entry = this.#entries.pop()) {
      try {
        log.debug(`ending ${entry.name}`);
        await entry.close();
      } catch (error) {
        log.error(`${entry.name} didn't end cleanly: ${reasonOf(error)}`);
      }
    }
  }

  kill(): void {
    for (const entry of this.#entries.toReversed()) entry.kill();
  }
}
