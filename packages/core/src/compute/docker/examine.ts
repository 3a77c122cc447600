import { statfs } from "node:fs/promises";
import type { CallOptions } from "../backend.js";
import type { Examination } from "../details.js";
import { ask, demand } from "./ask.js";
import type { DockerClient } from "./client.js";

/** Of dockerode's `/info` and `/version` what is looked at; engines leave some of it out. */
interface Info {
  OSType?: string;
  Driver?: string;
  CgroupVersion?: string;
  DockerRootDir?: string;
  MemoryLimit?: boolean;
  CpuCfsQuota?: boolean;
  PidsLimit?: boolean;
}
interface Version {
  Version: string;
  ApiVersion: string;
  Components?: { Name: string }[];
}

/** Below these a daemon soon can't start anything. */
const LEAST_FREE_BYTES = 2 * 2 ** 30;
const LEAST_FREE_SHARE = 0.05;

/**
 * Engine, control groups, network, disk and images of a daemon.
 * @param options.images those that workspaces here are to run
 * @throws BackendError if it doesn't answer
 */
export async function examineDaemon(
  client: DockerClient,
  network: string | undefined,
  options: CallOptions & { images: readonly string[] },
): Promise<Examination> {
  const { docker } = client;
  const [version, info] = await Promise.all([
    demand(client, "ask for the version", options, () => docker.version() as Promise<Version>),
    demand(client, "ask what the daemon is like", options, () => docker.info() as Promise<Info>),
  ]);
  const engine = version.Components?.some(({ Name }) => /podman/i.test(Name)) === true ? "Podman" : "Docker";
  const unlimited = (["MemoryLimit", "CpuCfsQuota", "PidsLimit"] as const).filter(
    (name) => info[name] === false,
  );
  const lacks = [
    info.OSType === undefined || info.OSType === "linux"
      ? null
      : `runs ${info.OSType} containers: switch it to Linux`,
    network === undefined ? null : await networkLack(client, network, options),
  ];
  const warnings = [
    unlimited.length === 0
      ? null
      : `can't keep sizes (${unlimited.join(", ")}): enable these controllers of control groups in its kernel`,
    await diskWarning(info.DockerRootDir),
    ...(await Promise.all(options.images.map((image) => imageWarning(client, image, options)))),
  ];
  return {
    found: `${engine} ${version.Version}, API ${version.ApiVersion}, cgroup v${info.CgroupVersion ?? "?"}, ${info.Driver ?? "?"}`,
    lacks: lacks.filter((line) => line !== null),
    warnings: warnings.filter((line) => line !== null),
  };
}

async function networkLack(client: DockerClient, name: string, options: CallOptions): Promise<string | null> {
  const answer = await ask(client, `look at network ${name}`, { ...options, expects: [404] }, () =>
    client.docker.getNetwork(name).inspect(),
  );
  return answer.ok
    ? null
    : `has no network ${name}: docker network create ${name}, or change BERTH_DOCKER_NETWORK`;
}

async function imageWarning(
  client: DockerClient,
  image: string,
  options: CallOptions,
): Promise<string | null> {
  const answer = await ask(client, `look at image ${image}`, { ...options, expects: [404] }, () =>
    client.docker.getImage(image).inspect(),
  );
  return answer.ok ? null : `has no image ${image}: the next launch pulls it, or docker pull ${image}`;
}

/** Only of a daemon on this machine, whose directory can be seen from here. */
async function diskWarning(directory: string | undefined): Promise<string | null> {
  const disk = directory === undefined ? null : await statfs(directory).catch(() => null);
  if (disk === null) return null;
  const free = disk.bavail * disk.bsize;
  if (free >= LEAST_FREE_BYTES && disk.bavail >= disk.blocks * LEAST_FREE_SHARE) return null;
  return `has ${(free / 2 ** 30).toFixed(1)} GiB left in ${directory}: docker system prune, or a larger disk`;
}
