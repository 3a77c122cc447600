import { execFile } from "node:child_process";
import { promisify } from "node:util";

const exec = promisify(execFile);

/** The `docker` command on one daemon: what tests look at the provider with, beside the code under test. */
export function dockerCli(socketPath: string): (...args: string[]) => Promise<string> {
  return async (...args) => {
    const { stdout } = await exec("docker", ["--host", `unix://${socketPath}`, ...args], {
      maxBuffer: 64 * 2 ** 20,
    });
    return stdout.trim();
  };
}
