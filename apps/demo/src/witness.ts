import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { Settings } from "./settings.js";

const exec = promisify(execFile);

/** What the provider itself has of these workspaces; null where it can't be asked from here. */
export async function askProvider(
  backend: string,
  ids: readonly string[],
  { simulator, dockerHosts }: Pick<Settings, "simulator" | "dockerHosts">,
): Promise<string[] | null> {
  try {
    if (backend === "docker") return await askDockers(ids, dockerHosts);
    if (backend === "process") return await askProcesses(ids);
    if (backend === "ec2" && simulator !== undefined) return await askSimulator(simulator, ids);
    return null;
  } catch {
    return null;
  }
}

/** Each daemon; one that isn't named is the one that the command `docker` asks by itself. */
async function askDockers(ids: readonly string[], hosts: readonly string[]): Promise<string[]> {
  if (hosts.length === 0) return askDocker(ids, []);
  return (await Promise.all(hosts.map((host) => askDocker(ids, ["--host", host])))).flat();
}

async function askDocker(ids: readonly string[], host: readonly string[]): Promise<string[]> {
  const lists = ids.map(async (id) => {
    const filter = ["--filter", `label=berth.workspace=${id}`];
    const [containers, volumes] = await Promise.all([
      exec("docker", [...host, "ps", "--all", "--format", "{{.Names}}", ...filter]),
      exec("docker", [...host, "volume", "ls", "--format", "{{.Name}}", ...filter]),
    ]);
    return [...lines("container", containers.stdout), ...lines("volume", volumes.stdout)];
  });
  return (await Promise.all(lists)).flat();
}

function lines(kind: string, text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => `${kind} ${line}`);
}

/** Berth names the workspace in the environment of what it starts. Linux only. */
async function askProcesses(ids: readonly string[]): Promise<string[]> {
  const wanted = new Set(ids.map((id) => `BERTH_WORKSPACE_ID=${id}`));
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = pids.map(async (pid) => {
    // One that isn't ours, or that has just ended.
    const environ = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    return environ.split("\0").some((entry) => wanted.has(entry)) ? [`process ${pid}`] : [];
  });
  return (await Promise.all(found)).flat();
}

interface SimulatorState {
  instances: { id: string; state: string; tags: Record<string, string> }[];
  volumes: { id: string; tags: Record<string, string> }[];
  records: { name: string; type: string }[];
}

/** Instances that aren't terminated, volumes, and records, by the tag or the name of their workspace. */
async function askSimulator(url: string, ids: readonly string[]): Promise<string[]> {
  const response = await fetch(`${url}/_sim/state`, { signal: AbortSignal.timeout(10_000) });
  const { instances, volumes, records } = (await response.json()) as SimulatorState;
  const isOne = ({ tags }: { tags: Record<string, string> }): boolean =>
    ids.includes(tags["berth:workspace"] ?? "");
  return [
    ...instances.filter((one) => isOne(one) && one.state !== "terminated").map(({ id }) => `instance ${id}`),
    ...volumes.filter(isOne).map(({ id }) => `volume ${id}`),
    ...records
      .filter(({ name }) => ids.some((id) => name.includes(id)))
      .map(({ name, type }) => `record ${type} ${name}`),
  ];
}
