import { execFile } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { inject, onTestFinished } from "vitest";
import { DOCKER_PACKAGES, startDockerd } from "../support/dockerd.js";
import { BUSYBOX_IMAGE, importTestImages } from "../support/images.js";
import { unpackFrom } from "../support/apt-unpack.js";
import { unpackSystem } from "../support/other-system.js";
import { PODMAN_PACKAGES, startPodman } from "../support/podman.js";
import { databaseOf } from "./database.js";
import { directoryFor } from "./debian.js";
import type { Row } from "./rows.js";

const exec = promisify(execFile);

const engine = (what: string, socketPath: () => Promise<string>): Row => ({
  what,
  async start() {
    const path = await socketPath();
    const env = {
      ...(await databaseOf()),
      REDIS_URL: inject("redis").url,
      BERTH_BACKENDS: "docker",
      DOCKER_HOST: `unix://${path}`,
      // The test's daemons have no bridge.
      BERTH_DOCKER_NETWORK: "none",
    };
    return { version: await versionOf(path), env, spec: { image: BUSYBOX_IMAGE } };
  },
});

async function versionOf(path: string): Promise<string> {
  const { stdout } = await exec("docker", ["-H", `unix://${path}`, "version", "-f", "{{.Server.Version}}"]);
  return stdout.trim();
}

/** @param release of Debian; null: this machine's */
const docker = (what: string, release: string | null): Row =>
  engine(what, async () => {
    const daemon = inject("docker");
    if (daemon === null) throw new Error("needs Linux and root");
    if (release === null) return daemon.socketPath;
    const programs = await unpackFrom(release, DOCKER_PACKAGES, await directoryFor(release));
    const root = await mkdtemp(join(tmpdir(), "docker-"));
    const own = await startDockerd({ root, programs });
    onTestFinished(async () => void (await own.stop()));
    await importTestImages(own.socketPath);
    return own.socketPath;
  });

/** @param release of Debian; null: this machine's */
const podman = (what: string, release: string | null): Row =>
  engine(what, async () => {
    const system = release === null ? undefined : await directoryFor(release);
    if (release !== null && system !== undefined) await unpackSystem(release, PODMAN_PACKAGES, system);
    const root = await mkdtemp(join(tmpdir(), "podman-"));
    const service = await startPodman({ root, ...(system !== undefined && { system }) });
    onTestFinished(async () => void (await service.stop()));
    await importTestImages(service.socketPath);
    return service.socketPath;
  });

/** Those of this machine's Debian, of the one after it, and of the one that is being made. */
export const ENGINES: readonly Row[] = [
  docker("Docker", null),
  docker("Docker 26", "trixie"),
  docker("Docker 28", "sid"),
  podman("Podman", null),
  podman("Podman 5.4", "trixie"),
  podman("Podman 5.8", "sid"),
];
