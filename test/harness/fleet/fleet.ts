import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "@berth/standalone/postgres/free-port";
import { startRedis, type TestRedis } from "../../support/redis.js";
import { type FleetSentinels, startFleetSentinels } from "./sentinels.js";
import type { Journal } from "../journal.js";
import { type Clocks, openClocks } from "./clocks.js";
import { startDatabase } from "./database.js";
import { type Disk, mountDisk } from "./disk.js";
import { type FleetDocker, startFleetDocker } from "./docker.js";
import { type Link, type LinkTarget, openLink } from "./link.js";
import { type Neighbour, openNeighbour } from "./neighbour.js";
import { startProvider } from "./provider.js";
import { PLACES, placesOf, REGION, STRAYED } from "./places.js";
import { type Program, startProgram } from "./program.js";
import { ask } from "../sampler.js";
import { SETTINGS } from "./settings.js";

const WITHOUT_DOCKER = { BERTH_BACKENDS: "ec2,process,external" };
const APIS = ["api-1", "api-2"] as const;
const WORKERS = ["worker-1", "worker-2", "worker-3", "worker-4"] as const;

/** A whole Berth, each part a process of its own, with a link that can be broken between any two of them. */
export interface Fleet {
  /** Of the database itself, past all links. */
  databaseUrl: string;
  postgres: {
    end(how: "stop" | "crash"): Promise<void>;
    /** Starts it, unless it runs. */
    start(): Promise<void>;
  };
  redis: TestRedis;
  /** Where the links to Redis lead: the primary of the moment. */
  redisTargets: LinkTarget[];
  /** Null: there is one Redis, and nobody who watches it. */
  sentinels: FleetSentinels | null;
  neighbour: Neighbour;
  simulatorUrl: string;
  /** Null: the fleet goes without the backend `docker`. */
  docker: FleetDocker | null;
  programs: ReadonlyMap<string, Program>;
  links: ReadonlyMap<string, Link>;
  /** Without root there are none, and no clocks. */
  disks: ReadonlyMap<"postgres" | "redis", Disk>;
  clocks: Clocks | null;
  /** As the clients reach the APIs. */
  apiUrls: readonly string[];
  adminKey: string;
  deployment: string;
  /** What must be in no log and no row. */
  secrets: readonly string[];
  close(): Promise<void>;
}

export interface FleetOptions {
  /** A directory of one's own, open to PostgreSQL's user. */
  root: string;
  seed: number;
  /** Where its processes' logs go. */
  logs: string;
  /** Where the provider writes down what it is asked. */
  providerFile: string;
  /** Where what is known of its containers goes. Null: it goes without what needs root (`noRoot`). */
  docker: { agentsFile: string; secretsFile: string; eventsFile: string } | null;
  /** Redis is a primary and a replica, watched by three Sentinels. */
  sentinel: boolean;
  /** The folder with the built `apps`. */
  checkout: string;
  /** Told of what ended without having been killed here. */
  journal: Journal;
}

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { root, logs, journal } = options;
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const one of closers.toReversed()) await one();
    closers.length = 0;
  };
  try {
    return await assemble(options, closers, close);
  } catch (error) {
    await close();
    throw error;
  }

  async function assemble(
    { seed, providerFile, checkout }: FleetOptions,
    toClose: (() => Promise<void>)[],
    closeAll: () => Promise<void>,
  ): Promise<Fleet> {
    const privileged = options.docker !== null;
    const disks = new Map<"postgres" | "redis", Disk>();
    for (const name of ["postgres", "redis"] as const) {
      const path = join(root, name);
      // A full disk is none that Sentinels judge.
      if (!privileged || (name === "redis" && options.sentinel)) {
        await mkdir(path, { mode: 0o711 });
        continue;
      }
      const disk = await mountDisk(path);
      disks.set(name, disk);
      toClose.push(disk.close);
    }
    const clocks = privileged
      ? await openClocks(join(root, "clocks"), [...APIS, ...WORKERS, "postgres"])
      : null;
    const clockOf = (name: string) => clocks?.environment(name) ?? {};
    const postgres = await startDatabase(
      join(root, "postgres"),
      join(logs, "postgres.jsonl"),
      clockOf("postgres"),
    );
    toClose.push(() => postgres.end("stop"));
    // Its clock stays right: libfaketime and the jemalloc in Debian's Redis block each other at the start.
    const sentinels = options.sentinel ? await startFleetSentinels(join(root, "redis"), logs) : null;
    const redis = sentinels?.redis ?? (await startRedis({ durable: true, parent: join(root, "redis") }));
    toClose.push(sentinels?.close ?? (() => redis[Symbol.asyncDispose]()));
    const redisUrl = sentinels?.url ?? redis.url;
    const redisTargets: LinkTarget[] = [redis.port];
    const simulator = await startProvider(providerFile, seed, WORKERS);
    toClose.push(simulator.close);
    const docker = options.docker === null ? null : await startFleetDocker({ root, ...options.docker });
    if (docker !== null) toClose.push(docker.close);

    const links = new Map<string, Link>();
    const link = async (name: string, to: readonly LinkTarget[]) => {
      const one = await openLink(name, to);
      links.set(name, one);
      toClose.push(() => one.close());
      return one.port;
    };
    const apiPorts = await Promise.all(APIS.map(() => freePort()));
    const agentsPort = await link("agents-apis", apiPorts);
    const deployment = `chaos-${process.pid}-${seed}`;
    const adminKey = `admin-${randomBytes(16).toString("hex")}`;
    const secret = randomBytes(24).toString("hex");
    const databasePort = Number(new URL(postgres.url()).port);

    const programs = new Map<string, Program>();
    const start = async (name: string, script: readonly string[], extra: Record<string, string>) => {
      const database = new URL(postgres.url());
      database.port = String(await link(`${name}-postgres`, [databasePort]));
      const linkedRedis = sentinels?.url ?? `redis://127.0.0.1:${await link(`${name}-redis`, redisTargets)}`;
      const provider = `http://127.0.0.1:${await link(`${name}-provider`, [Number(new URL(simulator.url).port)])}`;
      const program = startProgram({
        name,
        flags: script.slice(1),
        script: join(checkout, script[0]!),
        logFile: join(logs, `${name}.log`),
        env: (n) => ({
          NODE_ENV: "test",
          DATABASE_URL: database.href,
          REDIS_URL: linkedRedis,
          BERTH_QUEUE_PREFIX: `{${deployment}}`,
          BERTH_ADMIN_KEY: adminKey,
          BERTH_SECRET: secret,
          BERTH_DEPLOYMENT_ID: deployment,
          BERTH_DATA_DIR: join(root, "data"),
          BERTH_PUBLIC_URL: `http://127.0.0.1:${agentsPort}`,
          HOST: "127.0.0.1",
          AWS_REGION: REGION,
          // The provider's log tells by the key who has called.
          AWS_ACCESS_KEY_ID: `${name}.${n}`,
          AWS_SECRET_ACCESS_KEY: "none",
          AWS_ENDPOINT_URL_EC2: provider,
          AWS_ENDPOINT_URL_ROUTE_53: provider,
          AWS_EC2_METADATA_DISABLED: "true",
          HARNESS_PLACES: JSON.stringify(placesOf(name, n)),
          ...clockOf(name),
          ...SETTINGS,
          ...(docker === null ? WITHOUT_DOCKER : {}),
          ...extra,
        }),
        onEnd: (code, signal) =>
          journal.write({ type: "ended", at: Date.now(), program: name, code, signal }),
      });
      programs.set(name, program);
      toClose.push(() => program.close());
    };
    for (const [n, name] of APIS.entries())
      await start(name, ["apps/api/dist/main.js"], { PORT: String(apiPorts[n]) });
    for (const name of WORKERS) {
      // What it reaches would be taken for the place, as long as nobody has said who that is.
      if (name === STRAYED) await untilIdentified(postgres.url());
      const host = docker && `tcp://127.0.0.1:${await link(`${name}-docker`, [docker.socketPath])}`;
      const flags = ["--import", "tsx"];
      await start(
        name,
        ["test/harness/fleet/worker.ts", ...flags],
        host === null ? {} : { DOCKER_HOST: host },
      );
    }
    // A worker's link to the provider is of use only to workers.
    for (const name of APIS) links.delete(`${name}-provider`);
    const neighbour = await openNeighbour({
      databaseUrl: postgres.url(),
      environment: {
        NODE_ENV: "test",
        REDIS_URL: redisUrl,
        BERTH_DEPLOYMENT_ID: deployment,
        AWS_REGION: REGION,
        AWS_SECRET_ACCESS_KEY: "none",
        AWS_ENDPOINT_URL_EC2: simulator.url,
        AWS_ENDPOINT_URL_ROUTE_53: simulator.url,
        AWS_EC2_METADATA_DISABLED: "true",
        ...(docker === null ? WITHOUT_DOCKER : { DOCKER_HOST: `unix://${docker.socketPath}` }),
      },
      script: join(checkout, "apps/worker/dist/main.js"),
      root,
      logFile: join(logs, "neighbour.log"),
    });
    toClose.push(() => neighbour.stop());
    const apiUrls: string[] = [];
    for (const [n, name] of APIS.entries())
      apiUrls.push(`http://127.0.0.1:${await link(`clients-${name}`, [apiPorts[n]!])}`);
    await Promise.all(apiUrls.map((url) => untilReady(url)));

    return {
      databaseUrl: postgres.url(),
      postgres,
      redis,
      redisTargets,
      sentinels,
      neighbour,
      simulatorUrl: simulator.url,
      docker,
      programs,
      links,
      disks,
      clocks,
      apiUrls,
      adminKey,
      deployment,
      secrets: [adminKey, secret, new URL(postgres.url()).password],
      close: closeAll,
    };
  }
}

/** Until each place of EC2 has been reached once. */
async function untilIdentified(databaseUrl: string): Promise<void> {
  for (const until = Date.now() + 60_000; ; await delay(200)) {
    const rows = await ask<{ name: string }>(
      databaseUrl,
      "select name from places where backend = 'ec2' and identity is not null",
    ).catch(() => []);
    if (rows.length === Object.keys(PLACES).length) return;
    if (Date.now() > until) throw new Error("no worker has reached all places of EC2 within a minute");
  }
}

async function untilReady(url: string): Promise<void> {
  for (const until = Date.now() + 60_000; ; await delay(100)) {
    const answer = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok === true) return;
    if (Date.now() > until) throw new Error(`${url} isn't ready within a minute`);
  }
}
