import { setTimeout as delay } from "node:timers/promises";
import type { Api, Operation } from "./api.js";
import { DemoError } from "./demo-error.js";

const LOOK_EVERY_MS = 200;
const LIMIT_MS = 5 * 60_000;

/** Shows how many have ended until all have. @throws DemoError if one fails, or they take over 5 minutes. */
export async function untilEnded(api: Api, title: string, ids: readonly string[]): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  const open = new Set(ids);
  const show = progress(title, open.size);
  for (;;) {
    const operations = await Promise.all([...open].map((id) => api.operation(id)));
    for (const operation of operations) if (operation.finished_at !== null) open.delete(operation.id);
    show(ids.length - open.size);
    const failed = operations.find((one) => one.state === "failed" || one.state === "cancelled");
    if (failed !== undefined)
      throw new DemoError(`${describe(failed)} ${failed.state}: ${failed.error?.message}`);
    if (open.size === 0) return;
    if (performance.now() > deadline)
      throw new DemoError(`${title}: not ended after 5 minutes: ${operations.map(describe).join(", ")}`);
    await delay(LOOK_EVERY_MS);
  }
}

/** One line that counts up on a terminal; elsewhere a line each time that something has changed. */
function progress(title: string, total: number): (done: number) => void {
  let last = -1;
  return (done) => {
    if (done === last) return;
    last = done;
    const line = `  ${title}: ${done} of ${total}`;
    if (!process.stdout.isTTY) console.log(line);
    else process.stdout.write(`\r${line}${done === total ? "\n" : ""}`);
  };
}

function describe(operation: Operation): string {
  return `${operation.kind} ${operation.id}`;
}
