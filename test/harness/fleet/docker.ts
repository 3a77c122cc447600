import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ensureCommands } from "../../support/apt.js";
import { type DockerEventWatch, watchDockerEvents } from "./docker-events.js";
import { dockerCli } from "../../support/docker-cli.js";
import { startDockerd } from "../../support/dockerd.js";
import { type HangingRegistry, startHangingRegistry } from "./registry.js";
import { importBusybox } from "../../support/images.js";
import { type Collector, startCollector } from "./collector.js";

const exec = promisify(execFile);

/** What a workspace of the docker backend runs. */
export const AGENT_IMAGE = "berth-harness/agent:latest";
export const AGENT_COMMAND = ["sh", "/harness/container.sh"];

/** A daemon of the fleet's own, with the image of its agents. */
export interface FleetDocker {
  readonly socketPath: string;
  /** Its own log, with each request: it loses none when the daemon is killed. */
  readonly logFile: string;
  /** For the spec of a workspace: where its agent says what it says. */
  readonly agentEnv: Readonly<Record<string, string>>;
  /** An image that its registry never gives. */
  readonly hangingImage: string;
  /** The `docker` command, past all links. */
  cli(...args: string[]): Promise<string>;
  /** How many containers and volumes aren't among those known, or don't run. */
  unclaimed(known: ReadonlySet<string>): Promise<number>;
  /** `kill`: containers go on without it, until it starts again; `restart`: it ends them first. */
  end(how: "kill" | "restart"): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface FleetDockerOptions {
  /** Of the run: its containers' processes are known by it as well. */
  root: string;
  agentsFile: string;
  secretsFile: string;
  /** Where the daemon's events go. */
  eventsFile: string;
}

export async function startFleetDocker(options: FleetDockerOptions): Promise<FleetDocker> {
  const { root } = options;
  const daemon = await startDockerd({ root: dockerRoot(root), debug: true });
  let collector: Collector | null = null;
  let events: DockerEventWatch | null = null;
  let registry: HangingRegistry | null = null;
  const close = async () => {
    events?.close();
    await daemon.stop();
    await registry?.close();
    await collector?.close();
  };
  try {
    await importAgent(daemon.socketPath);
    collector = await startCollector(options.agentsFile, options.secretsFile);
    registry = await startHangingRegistry();
    events = watchDockerEvents(daemon.socketPath, options.eventsFile);
  } catch (error) {
    await close();
    throw error;
  }
  const cli = dockerCli(daemon.socketPath);
  // It may take longer to start than a fault was to last: a second daemon beside it would find its files locked.
  let last = Promise.resolve();
  const inTurn = (work: () => Promise<void>) => (last = last.then(work));
  return {
    socketPath: daemon.socketPath,
    logFile: daemon.logFile,
    // The root says whose it is, should it outlive its daemon.
    agentEnv: { HARNESS_COLLECTOR: String(collector.port), HARNESS_ROOT: root },
    hangingImage: registry.image,
    cli,
    async unclaimed(known) {
      const format = "{{.ID}} {{.State}}";
      const containers = linesOf(await cli("ps", "--all", "--no-trunc", "--format", format));
      const volumes = linesOf(await cli("volume", "ls", "--quiet"));
      const bad = containers
        .map((line) => line.split(" "))
        .filter(([id, state]) => state !== "running" || !known.has(id!));
      // Notes of the databases that have worked here are of no workspace.
      const unknown = volumes.filter((name) => !known.has(name) && !name.startsWith("berth-note-"));
      return bad.length + unknown.length;
    },
    end: (how) => inTurn(() => (how === "kill" ? daemon.kill() : daemon.halt())),
    start: () => inTurn(() => daemon.restart()),
    close,
  };
}

const linesOf = (text: string) => text.split("\n").filter((line) => line !== "");
const dockerRoot = (root: string) => join(root, "docker");

/** busybox has neither a lock nor ms: with those commands of this machine, and the libraries that they name. */
async function importAgent(socketPath: string): Promise<void> {
  const commands = await ensureCommands({ flock: "util-linux", date: "coreutils" });
  const libraries = (await Promise.all(Object.values(commands).map(librariesOf))).flat();
  await importBusybox(socketPath, AGENT_IMAGE, [], {
    ...Object.fromEntries(Object.entries(commands).map(([name, path]) => [`bin/${name}`, path])),
    ...Object.fromEntries(libraries.map((path) => [path, path])),
    "harness/container.sh": fileURLToPath(new URL("./container.sh", import.meta.url)),
  });
}

async function librariesOf(command: string): Promise<string[]> {
  const { stdout } = await exec("ldd", [command]);
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
}
