import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { accountsOf } from "./places.js";
import { freePort } from "@berth/standalone/postgres/free-port";

/** Starts the EC2 simulator as a process of its own, which writes what it is asked into `file`. */
export async function startProvider(file: string, seed: number, workers: readonly string[]) {
  const child = fork(
    fileURLToPath(new URL("./simulator.ts", import.meta.url)),
    [file, String(await freePort()), String(seed), JSON.stringify(accountsOf(workers))],
    { execArgv: ["--import", "tsx", "--conditions=source"], stdio: ["ignore", "inherit", "inherit", "ipc"] },
  );
  const [{ url }] = (await once(child, "message")) as [{ url: string }];
  return {
    url,
    async close() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}
