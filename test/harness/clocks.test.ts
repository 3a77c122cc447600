import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { openClocks } from "./fleet/clocks.js";

const HOUR_MS = 3_600_000;
/** Tells how far its clocks are from this machine's, each time that it is asked. */
const PROGRAM = `process.stdin.on("data", () => console.log(JSON.stringify([Date.now(), performance.now()])))`;

test.runIf(process.getuid?.() === 0)(
  "a process's wall clock is set while it runs, and its monotonic clock goes on as if nothing were",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "clocks-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const clocks = await openClocks(join(directory, "clocks"), ["one"]);
    const child = spawn(process.execPath, ["-e", PROGRAM], {
      env: clocks.environment("one"),
      stdio: ["pipe", "pipe", "inherit"],
    });
    onTestFinished(async () => {
      child.stdin.end();
      await once(child, "exit");
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const read = async () => {
      child.stdin.write("\n");
      const [wall, monotonic] = JSON.parse((await lines.next()).value as string) as [number, number];
      return { ahead: wall - Date.now(), monotonic };
    };
    const before = await read();
    expect(Math.abs(before.ahead)).toBeLessThan(HOUR_MS / 10);
    clocks.set("one", HOUR_MS);
    await expect.poll(async () => (await read()).ahead).toBeGreaterThan(HOUR_MS * 0.9);
    clocks.set("one", -HOUR_MS);
    await expect.poll(async () => (await read()).ahead).toBeLessThan(-HOUR_MS * 0.9);
    const passed = (await read()).monotonic - before.monotonic;
    expect(passed).toBeGreaterThan(0);
    expect(passed).toBeLessThan(HOUR_MS / 10);
  },
);
