import { writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ensureCommands } from "../../support/apt.js";

/** Debian's `libfaketime`, whose `faketime` is only a wrapper around it. */
const LIBRARY = "/usr/$LIB/faketime/libfaketimeMT.so.1";

/** Wall clocks of processes, each of which can be set wrong by itself. Durations (monotonic clocks) stay true. */
export interface Clocks {
  /** What a process with the clock `name` needs in its environment. */
  environment(name: string): Record<string, string>;
  /** Sets a clock `ms` ahead of the true time, or behind it. Seen within a second. */
  set(name: string, ms: number): void;
}

/** Installs libfaketime where it is missing. `directory` is made, open to all. Each clock is right at first. */
export async function openClocks(directory: string, names: readonly string[]): Promise<Clocks> {
  await ensureCommands({ faketime: "faketime" });
  await mkdir(directory, { mode: 0o755 });
  const fileOf = (name: string) => join(directory, name);
  const set = (name: string, ms: number) =>
    writeFileSync(fileOf(name), `${ms < 0 ? "-" : "+"}${(Math.abs(ms) / 1_000).toFixed(3)}\n`);
  for (const name of names) set(name, 0);
  return {
    environment: (name) => ({
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: fileOf(name),
      FAKETIME_CACHE_DURATION: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      NO_FAKE_STAT: "1",
    }),
    set,
  };
}
