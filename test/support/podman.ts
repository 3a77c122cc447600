import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { ensureCommands, findCommand } from "./apt.js";
import { answersPing, removeAll } from "./dockerd.js";
import { dockerCli } from "./docker-cli.js";
import { inSystem } from "./other-system.js";
import { endProcessesNaming, unmountAllUnder } from "./process-tree.js";

const START_TIMEOUT_MS = 30_000;

export interface TestPodman {
  /** The private socket, for `unix://…`, that speaks Docker's API. */
  readonly socketPath: string;
  /** Names what tests left (containers, volumes), removes it, ends all processes, mounts and files. */
  stop(): Promise<string[]>;
}

/**
 * Starts a Podman service of one's own under `root`, a directory that `stop` removes; installs it from
 * Debian's packages where it is missing. Ends with the process that started it, even by SIGKILL.
 * @param rootless it runs as a user of its own, who is made if there is none yet
 * @param system another release's files (`unpackSystem`), which the service and all that it starts see in place of this
 * machine's
 * @throws if it can't be had on this machine.
 */
export async function startPodman({
  root,
  rootless = false,
  system,
}: {
  root: string;
  rootless?: boolean;
  system?: string;
}): Promise<TestPodman> {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    throw new Error("a private Podman service for the tests needs Linux and root");
  const command = system === undefined ? [await installedPodman()] : [...inSystem(system, root), "podman"];
  await mkdir(root, { recursive: true });
  const socketPath = join(root, "podman.sock");
  const child = await launch(command, root, socketPath, rootless ? await userFor(root) : null);
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
      await endPause(root);
      await endProcessesNaming(`${root}/`);
      unmountAllUnder(root);
      await rm(root, { recursive: true, force: true });
      return left;
    },
  };
}

/** catatonit is its init process, which Debian only recommends. runc, because crun refuses hybrid cgroups. */
export const PODMAN_PACKAGES = ["podman", "catatonit", "runc"];

async function installedPodman(): Promise<string> {
  const packages = { podman: "podman", catatonit: "catatonit", runc: "runc", docker: "docker.io" };
  return (await ensureCommands(packages)).podman;
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

/** A rootless service leaves a process behind that keeps its namespaces. */
async function endPause(root: string): Promise<void> {
  const files = await readdir(root, { recursive: true }).catch(() => []);
  for (const file of files.filter((name) => name.endsWith("pause.pid")))
    process.kill(Number(await readFile(join(root, file), "utf8")), "SIGKILL");
}

const USER = "berth-rootless";

/** A user with ranges of ids of their own (`/etc/subuid`), to whom `root` then belongs. */
async function userFor(root: string): Promise<{ uid: number; gid: number }> {
  await ensureCommands({ newuidmap: "uidmap", slirp4netns: "slirp4netns", setpriv: "util-linux" });
  const exec = promisify(execFile);
  const idOf = async (flag: string) => Number((await exec("id", [flag, USER])).stdout);
  await exec("id", [USER]).catch(() => exec("useradd", ["--no-create-home", "--user-group", USER]));
  const user = { uid: await idOf("-u"), gid: await idOf("-g") };
  await chown(root, user.uid, user.gid);
  await chmod(root, 0o711);
  return user;
}

async function launch(
  podman: readonly string[],
  root: string,
  socketPath: string,
  user: { uid: number; gid: number } | null,
): Promise<ChildProcess> {
  const config = join(root, "containers.conf");
  const logFile = join(root, "podman.log");
  await writeFile(config, CONFIG);
  const args = [
    `--root=${join(root, "data")}`,
    `--runroot=${join(root, "run")}`,
    `--tmpdir=${join(root, "tmp")}`,
    // A rootless overlay can't be mounted upon another, as the temporary directory of a container is.
    `--storage-driver=${user === null ? "overlay" : "vfs"}`,
    "system",
    "service",
    "--time=0",
    `unix://${socketPath}`,
  ];
  // A run that is killed would leave its service behind otherwise.
  const setpriv = await findCommand("setpriv");
  const as = user === null ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
  const [command, ...first] = setpriv === null ? podman : [setpriv, ...as, "--pdeathsig", "TERM", ...podman];
  const log = await open(logFile, "a");
  const child = spawn(command as string, [...first, ...args], {
    cwd: root,
    env: {
      ...process.env,
      CONTAINERS_CONF: config,
      ...(user === null ? {} : { HOME: root, TMPDIR: root, XDG_RUNTIME_DIR: root }),
    },
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
