import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
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
import { importBaseImages } from "./base-images.js";

const PROJECT = "berth";
/** Where a daemon and its images are kept from run to run: then a second one builds only what has changed. */
const KEPT = process.env["BERTH_TEST_COMPOSE_ROOT"];

export interface Compose {
  readonly url: string;
  readonly adminKey: string;
  readonly socketPath: string;
  readonly docker: (...args: string[]) => Promise<string>;
  compose(...args: string[]): Promise<string>;
  /** What the daemon was left with, beside its images. */
  end(): Promise<string[]>;
}

/** docker-compose.yml of this checkout on a daemon of the test's own, built and not yet started. Takes minutes. */
export async function openCompose(): Promise<Compose> {
  const work = await mkdtemp(join(tmpdir(), "compose-"));
  const root = KEPT ?? join(work, "daemon");
  const daemon = await startDockerd({ root });
  const docker = dockerCli(daemon.socketPath);
  const program = await composeProgram(join(work, "packages"));
  const project = join(work, "project");
  const adminKey = randomBytes(24).toString("hex");
  const port = await freePort();
  const compose = async (...args: string[]) => {
    const files = ["--file", join(HERE, "docker-compose.yml"), "--file", join(project, "override.yml")];
    const { stdout, stderr } = await promisify(execFile)(
      program,
      ["--project-name", PROJECT, "--project-directory", project, ...files, ...args],
      {
        env: { ...process.env, DOCKER_HOST: `unix://${daemon.socketPath}`, DOCKER_BUILDKIT: "0" },
        maxBuffer: 2 ** 26,
      },
    );
    return stdout + stderr;
  };
  await mkdir(project);
  await cp(join(HERE, "deploy/prometheus"), join(project, "deploy/prometheus"), { recursive: true });
  // The machine has a way to npm and Debian, containers on a network of the daemon's have none.
  const build = { context: HERE, network: "host" };
  await writeFile(
    join(project, "override.yml"),
    stringify({ services: { api: { build }, worker: { build } } }),
  );
  const { gid } = await stat(daemon.socketPath);
  const settings = {
    POSTGRES_PASSWORD: randomBytes(24).toString("hex"),
    BERTH_ADMIN_KEY: adminKey,
    BERTH_SECRET: randomBytes(24).toString("hex"),
    DOCKER_GID: gid,
    DOCKER_SOCKET: daemon.socketPath,
    API_PORT: port,
    BERTH_STOP_GRACE_MS: 1_000,
    BERTH_WEBHOOKS_SCHEMES: "http",
    BERTH_WEBHOOKS_ALLOW: "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16",
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
  await writeFile(join(project, ".env"), lines.join(""));
  if ((await docker("images", "--quiet", "redis:7-bookworm")) === "")
    await importBaseImages(daemon.socketPath, "node:24-bookworm-slim");
  await importTestImages(daemon.socketPath);
  await compose("build");
  return {
    url: `http://127.0.0.1:${port}`,
    adminKey,
    socketPath: daemon.socketPath,
    docker,
    compose,
    end: async () => {
      await compose("down", "--volumes", "--timeout", "5");
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
