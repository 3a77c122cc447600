import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, mkdir, readFile, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ensureCommands, findCommand } from "./apt.js";
import { dockerCli } from "./docker-cli.js";
import { endProcessesNaming, unmountAllUnder } from "./process-tree.js";

const START_TIMEOUT_MS = 30_000;

/** Debian's own, of another release. Their runc may want a newer libc than this machine has, so it is this machine's. */
export const DOCKER_PACKAGES: readonly string[] = ["docker.io", "containerd"];

export interface TestDockerd {
  /** The private socket, for `unix://…`. */
  readonly socketPath: string;
  /** What it writes, through all its restarts. */
  readonly logFile: string;
  /** Of the daemon; changes with a restart. */
  readonly pid: number;
  /** SIGKILL: running containers go on without their daemon. Resolves when it has ended. */
  kill(): Promise<void>;
  /** SIGTERM: it ends its containers first. Resolves when it has ended. */
  halt(): Promise<void>;
  /** Starts it again on the same socket and data, after ending it if it runs. Resolves when it answers. */
  restart(): Promise<void>;
  /** Names what tests left (containers, volumes), removes it, ends all processes, mounts and files. */
  stop(): Promise<string[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a Docker daemon of one's own under `root`, a directory that `stop` removes. It has no bridge and
 * touches no firewall rule: its containers have a loopback interface only. Needs root; installs Docker from
 * Debian's packages where it is missing. Ends with the process that started it, even by SIGKILL.
 * @param options.debug has it write down each request. `args`: more of its own. `programs`: directories of another version's
 * programs, which come before this machine's.
 * @throws if a daemon can't be had on this machine.
 */
export async function startDockerd({
  root,
  debug = false,
  args = [],
  programs = [],
}: {
  root: string;
  debug?: boolean;
  args?: readonly string[];
  programs?: readonly string[];
}): Promise<TestDockerd> {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    throw new Error("a private Docker daemon for the tests needs Linux and root");
  const { dockerd } = await ensureCommands({ dockerd: "docker.io", docker: "docker.io" });
  await mkdir(root, { recursive: true });
  const socketPath = join(root, "docker.sock");
  const logFile = join(root, "dockerd.log");
  const docker = dockerCli(socketPath);
  const env = { ...process.env, PATH: [...programs, process.env.PATH].join(delimiter) };
  const found = programs.length === 0 ? dockerd : "dockerd";
  const start = () => launch(found, root, [...args, ...(debug ? ["--debug"] : [])], env);
  let child = await start();
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  };
  const stop = async () => {
    const left = child.exitCode === null && child.signalCode === null ? await removeAll(docker) : [];
    await end("SIGTERM");
    await endProcessesNaming(`${root}/`);
    unmountAllUnder(root);
    await rm(root, { recursive: true, force: true });
    return left;
  };
  const kill = async () => {
    await end("SIGKILL");
    // It dies with its daemon, but a little later: a daemon that starts meanwhile takes it for alive.
    await endProcessesNaming(join(root, "exec", "containerd", "containerd.toml"));
  };
  return {
    socketPath,
    logFile,
    get pid() {
      return child.pid as number;
    },
    kill,
    halt: () => end("SIGTERM"),
    restart: async () => {
      await end("SIGTERM");
      child = await start();
    },
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

async function launch(
  dockerd: string,
  root: string,
  more: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ChildProcess> {
  const [socketPath, logFile] = [join(root, "docker.sock"), join(root, "dockerd.log")];
  const pidFile = join(root, "docker.pid");
  // A killed daemon leaves them behind, and the next one believes them if their pids are in use by then.
  await rm(pidFile, { force: true });
  await rm(join(root, "exec", "containerd", "containerd.pid"), { force: true });
  const args = [
    `--host=unix://${socketPath}`,
    `--data-root=${join(root, "data")}`,
    `--exec-root=${join(root, "exec")}`,
    `--pidfile=${pidFile}`,
    "--bridge=none",
    "--iptables=false",
    "--shutdown-timeout=1",
    ...more,
  ];
  // A run that is killed would leave its daemon behind otherwise.
  const setpriv = await findCommand("setpriv");
  const [command, ...first] = setpriv === null ? [dockerd] : [setpriv, "--pdeathsig", "TERM", dockerd];
  const log = await open(logFile, "a");
  const child = spawn(command as string, [...first, ...args], { env, stdio: ["ignore", log.fd, log.fd] });
  await log.close();
  child.on("error", () => undefined);
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await answersPing(socketPath))) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
      child.kill("SIGKILL");
      const lines = (await readFile(logFile, "utf8")).trim().split("\n").slice(-5).join("\n");
      throw new Error(`dockerd didn't start; its last lines:\n${lines}`);
    }
    await delay(50);
  }
  return child;
}

/** True once the daemon has answered `GET /_ping`: the socket takes connections before that. */
export async function answersPing(socketPath: string): Promise<boolean> {
  const socket = createConnection(socketPath);
  try {
    socket.setTimeout(1_000, () => socket.destroy(new Error("no answer")));
    socket.end("GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n");
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    return text.includes(" 200 ");
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Removes all containers, and says what was left of them and of volumes. */
export async function removeAll(docker: (...args: string[]) => Promise<string>): Promise<string[]> {
  const lines = (text: string) => text.split("\n").filter((line) => line !== "");
  const containers = lines(await docker("ps", "--all", "--format", "{{.ID}} {{.Names}} {{.Status}}"));
  if (containers.length > 0) {
    const ids = containers.map((line) => line.split(" ")[0] as string);
    // A daemon that died in the middle of things may refuse some: their processes are ended after it.
    await docker("rm", "--force", "--volumes", ...ids).catch(() => undefined);
  }
  // Notes of a database that works here are no leak: they cost nothing, and one replaces the other.
  const volumes = lines(await docker("volume", "ls", "--quiet")).filter(
    (name) => !name.startsWith("berth-note-"),
  );
  return [
    ...containers.map((line) => `container ${line} was left`),
    ...volumes.map((name) => `volume ${name} was left`),
  ];
}
