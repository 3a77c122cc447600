import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDockerd } from "./dockerd.js";
import { importTestImages } from "./images.js";
import { endLeakedProcesses } from "./leaked-processes.js";
import { leftDatabases, makeTemplate, startPostgres } from "./postgres.js";
import { prepareCluster } from "./prepared-cluster.js";
import { startRedis } from "./redis.js";

declare module "vitest" {
  export interface ProvidedContext {
    /** The run's PostgreSQL: use `createTestDatabase`. */
    postgres: { url: string };
    /** The run's Redis, shared by all test files: use a queue prefix of your own, never flush it. */
    redis: { url: string };
    /**
     * The run's Docker daemon, with the images of `images.ts`: remove what you make. Null where none can be
     * had (not root, not Linux): skip, then.
     */
    docker: { socketPath: string } | null;
  }
}

type Stop = () => Promise<string[]>;

/** What a run can start, in parallel. Each gives what tests are told, and a stop that names what was leaked. */
const SERVICES = {
  postgres: async () => {
    await prepareCluster(tmpdir());
    const server = await startPostgres();
    await makeTemplate(server.url);
    const stop: Stop = async () => {
      const left = await leftDatabases(server.url);
      await server[Symbol.asyncDispose]();
      return left.map((name) => `database ${name} was not dropped`);
    };
    return { provided: { url: server.url }, stop };
  },
  redis: async () => {
    const server = await startRedis();
    const stop: Stop = async () => {
      await server[Symbol.asyncDispose]();
      return [];
    };
    return { provided: { url: server.url }, stop };
  },
  docker: async () => {
    if (process.platform !== "linux" || process.getuid?.() !== 0) {
      console.warn("A Docker daemon for the tests needs Linux and root: those that use it are skipped.");
      return { provided: null, stop: async () => [] };
    }
    const daemon = await startDockerd({ root: join(tmpdir(), "docker") });
    try {
      await importTestImages(daemon.socketPath);
    } catch (error) {
      await daemon.stop();
      throw error;
    }
    return { provided: { socketPath: daemon.socketPath }, stop: daemon.stop };
  },
};

export type ServiceName = keyof typeof SERVICES;
export const SERVICE_NAMES = Object.keys(SERVICES) as ServiceName[];

/** Starts the services under a temporary directory of the run, by which leaked processes are known. */
export async function startServices(names: readonly ServiceName[]) {
  const root = await mkdtemp("/tmp/berth-test-");
  await chmod(root, 0o711);
  // Inherited by the test workers and by all that they start.
  process.env.TMPDIR = root;
  // A signal ends the runner within a millisecond and without any teardown.
  const endAll = () => void endLeakedProcesses(root);
  process.once("exit", endAll);
  const results = await Promise.allSettled(
    names.map(async (name) => ({ name, ...(await SERVICES[name]()) })),
  );
  const started = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const stop: Stop = async () => {
    const leaks: string[] = [];
    for (const service of started) leaks.push(...(await service.stop()));
    // Last: what still knows this directory now is no service of ours.
    leaks.push(...endLeakedProcesses(root));
    await rm(root, { recursive: true, force: true });
    process.off("exit", endAll);
    return leaks;
  };
  const failure = results.find((result) => result.status === "rejected");
  if (failure) {
    await stop();
    throw failure.reason;
  }
  return { started, stop };
}
