import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ensureCommands, findCommand } from "./apt.js";
import { answersPing, removeAll } from "./dockerd.js";
import { dockerCli } from "./docker-cli.js";
import { endProcessesNaming, unmountAllUnder } from "./process-tree.js";

const START_TIMEOUT_MS = 30_000;

export interface TestPodman {
  /** The private socket, for `unix://…`, that speaks Docker's API. */
  readonly socketPath: string;
  /** Names what tests left (containers, volumes), removes it, ends all processes, mounts and files. */
  stop(): Promise<string[]>;
}

/**
 * Starts a rootful Podman service of one's own under `root`, a directory that `stop` removes; installs it from
 * Debian's packages where it is missing. Ends with the process that started it, even by SIGKILL.
 * @throws if it can't be had on this machine.
 */
export async function startPodman({ root }: { root: string }): Promise<TestPodman> {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    throw new Error("a private Podman service for the tests needs Linux and root");
  // catatonit is its init process, which Debian only recommends. runc, because crun refuses hybrid cgroups.
  const { podman } = await ensureCommands({
    podman: "podman",
    catatonit: "catatonit",
    runc: "runc",
    docker: "docker.io",
  });
  await mkdir(root, { recursive: true });
  const socketPath = join(root, "podman.sock");
  const logFile = join(root, "podman.log");
  const child = await launch(podman, root, socketPath, logFile);
  return {
    socketPath,
    async stop() {
      const left =
        child.exitCode === null && child.signalCode === null ? await removeAll(dockerCli(socketPath)) : [];
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, "exit");
        child.kill("SIGTERM");
        await exited;
      }
      await endProcessesNaming(`${root}/`);
      unmountAllUnder(root);
      await rm(root, { recursive: true, force: true });
      return left;
    },
  };
}

/** What a machine in a container or without systemd can bear; the locks of other Podmans stay untouched. */
const CONFIG = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "runc"
`;

async function launch(
  podman: string,
  root: string,
  socketPath: string,
  logFile: string,
): Promise<ChildProcess> {
  const config = join(root, "containers.conf");
  await writeFile(config, CONFIG);
  const args = [
    `--root=${join(root, "data")}`,
    `--runroot=${join(root, "run")}`,
    `--tmpdir=${join(root, "tmp")}`,
    "--storage-driver=overlay",
    "system",
    "service",
    "--time=0",
    `unix://${socketPath}`,
  ];
  // A run that is killed would leave its service behind otherwise.
  const setpriv = await findCommand("setpriv");
  const [command, ...first] = setpriv === null ? [podman] : [setpriv, "--pdeathsig", "TERM", podman];
  const log = await open(logFile, "a");
  const child = spawn(command as string, [...first, ...args], {
    env: { ...process.env, CONTAINERS_CONF: config },
    stdio: ["ignore", log.fd, log.fd],
  });
  await log.close();
  child.on("error", () => undefined);
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await answersPing(socketPath))) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
      child.kill("SIGKILL");
      const lines = (await readFile(logFile, "utf8")).trim().split("\n").slice(-5).join("\n");
      throw new Error(`the Podman service didn't start; its last lines:\n${lines}`);
    }
    await delay(50);
  }
  return child;
}
