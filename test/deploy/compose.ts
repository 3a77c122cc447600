import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "@berth/standalone/postgres/free-port";
import { stringify } from "yaml";
import { unpackFrom } from "../support/apt-unpack.js";
import { dockerCli } from "../support/docker-cli.js";
import { startDockerd } from "../support/dockerd.js";
import { HERE } from "../support/deployment.js";
import { importTestImages } from "../support/images.js";
import { importBaseImages, PROMETHEUS_IMAGE } from "./base-images.js";

const PROJECT = "berth";
/** Where a daemon and its images are kept from run to run: then a second one builds only what has changed. */
const KEPT = process.env["BERTH_TEST_COMPOSE_ROOT"];

export interface Compose {
  readonly url: string;
  /** Where the commands of a page are typed. */
  readonly project: string;
  readonly docker: (...args: string[]) => Promise<string>;
  /** Lines of shell, in the project's directory. `docker` means this daemon, and `docker compose` these files. */
  shell(lines: string): Promise<string>;
  /** What the next build makes is another image, by this label. */
  label(try_: string): Promise<void>;
  /** What the daemon was left with, beside its images. */
  end(): Promise<string[]>;
}

/** docker-compose.yml of this checkout on a daemon of the test's own, with the images that it begins with. Takes minutes. */
export async function openCompose(): Promise<Compose> {
  const work = await mkdtemp(join(tmpdir(), "compose-"));
  const root = KEPT ?? join(work, "daemon");
  const daemon = await startDockerd({ root });
  const docker = dockerCli(daemon.socketPath);
  const program = await composeProgram(join(work, "packages"));
  const project = join(work, "project");
  const bin = join(work, "bin");
  const port = await freePort();
  await Promise.all([mkdir(project), mkdir(bin)]);
  await cp(join(HERE, "deploy"), join(project, "deploy"), {
    recursive: true,
    filter: (path) => !path.includes("node_modules"),
  });
  const override = join(project, "override.yml");
  const files = `--file ${join(HERE, "docker-compose.yml")} --file ${override}`;
  const compose = `${program} --project-name ${PROJECT} --project-directory ${project} ${files}`;
  const wrapper = `#!/bin/sh\n[ "$1" = compose ] && shift && exec ${compose} "$@"\nexec /usr/bin/docker "$@"\n`;
  await writeFile(join(bin, "docker"), wrapper, { mode: 0o755 });
  const label = (of: string) => {
    // The machine has a way to npm and Debian, containers on a network of the daemon's have none.
    const build = { context: HERE, network: "host", labels: { try: of } };
    return writeFile(override, stringify({ services: { api: { build }, worker: { build } } }));
  };
  await label("first");
  // What is only so here, before what the page adds.
  const settings = {
    DOCKER_SOCKET: daemon.socketPath,
    API_PORT: port,
    BERTH_STOP_GRACE_MS: 1_000,
    BERTH_WEBHOOKS_SCHEMES: "http",
    BERTH_WEBHOOKS_ALLOW: "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16",
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
  const example = await readFile(join(HERE, ".env.example"), "utf8");
  await writeFile(join(project, ".env.example"), example + lines.join(""));
  if ((await docker("images", "--quiet", PROMETHEUS_IMAGE)) === "")
    await importBaseImages(daemon.socketPath, "node:24-bookworm-slim");
  await importTestImages(daemon.socketPath);
  const env = {
    ...process.env,
    PATH: `${bin}:${join(HERE, "node_modules/.bin")}:${process.env.PATH}`,
    DOCKER_HOST: `unix://${daemon.socketPath}`,
    DOCKER_BUILDKIT: "0",
    // One image after the other: the second finds in the cache what both begin with.
    COMPOSE_PARALLEL_LIMIT: "1",
    BERTH_URL: `http://127.0.0.1:${port}`,
    BERTH_DATA_DIR: ".",
  };
  const shell = async (commands: string) => {
    const said = commands.replaceAll("/var/run/docker.sock", daemon.socketPath);
    const options = { cwd: project, env, maxBuffer: 2 ** 26 };
    return (await promisify(execFile)("sh", ["-e", "-c", said], options)).stdout;
  };
  return {
    url: env.BERTH_URL,
    project,
    docker,
    shell,
    label,
    end: async () => {
      await shell("docker compose --profile figures down --volumes --timeout 5");
      const left = await docker("ps", "--all", "--format", "{{.Names}}");
      const volumes = await docker("volume", "ls", "--quiet");
      await (KEPT === undefined ? daemon.stop() : daemon.halt());
      await rm(work, { recursive: true, force: true });
      return [...left.split("\n"), ...volumes.split("\n")].filter(
        (name) => name !== "" && !name.startsWith("berth-note-"),
      );
    },
  };
}

/** Compose 2, which Debian has from 13 on: a program without needs. */
async function composeProgram(root: string): Promise<string> {
  await unpackFrom("trixie", ["docker-compose"], root);
  return join(root, "usr/libexec/docker/cli-plugins/docker-compose");
}
