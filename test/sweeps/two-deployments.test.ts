import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest";
import type { Backend, OwnedResource } from "@berth/core/compute/backend";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { createEc2Backend } from "@berth/core/compute/ec2/backend";
import { createProcessBackend } from "@berth/core/compute/process/backend";
import type { SweepName } from "@berth/core/domain/sweep";
import { startSimulator } from "berth-ec2-simulator/server";
import { optionsFor, QUICK_DELAYS } from "../compute/ec2/harness.js";
import { newWorkspace } from "../support/fleet.js";
import { BUSYBOX_IMAGE } from "../support/images.js";
import { openStage, type Stage } from "./stage.js";

interface Provider {
  open(deploymentId: string): Backend;
  close(): Promise<void>;
}

const PROVIDERS: Readonly<Record<string, { sweep: SweepName; start(): Promise<Provider> }>> = {
  process: {
    sweep: "docker-orphans",
    async start() {
      const dataDir = await mkdtemp(join(tmpdir(), "two-"));
      return {
        open: (deploymentId) => createProcessBackend({ dataDir, deploymentId, stopGraceMs: 1_000 }),
        close: () => rm(dataDir, { recursive: true, force: true }),
      };
    },
  },
  docker: {
    sweep: "docker-orphans",
    async start() {
      const { socketPath } = inject("docker")!;
      return {
        open: (deploymentId) =>
          createDockerBackend({
            deploymentId,
            host: `unix://${socketPath}`,
            stopGraceMs: 1_000,
            callTimeoutMs: 20_000,
          }),
        close: () => Promise.resolve(),
      };
    },
  },
  ec2: {
    sweep: "leaked-instances",
    async start() {
      const simulator = await startSimulator({ delays: QUICK_DELAYS });
      return {
        open: (deploymentId) => createEc2Backend({ ...optionsFor(simulator.url), deploymentId }),
        close: () => simulator.close(),
      };
    },
  },
};

/** One deployment: a database, a clock and a worker of its own. */
interface Deployment {
  stage: Stage;
  backend: Backend;
}

describe.each(Object.keys(PROVIDERS))("two deployments on one %s", (name) => {
  const { sweep, start } = PROVIDERS[name]!;
  let provider: Provider;
  const deployments: Deployment[] = [];
  beforeEach(async (context) => {
    context.skip(name === "docker" && inject("docker") === null, "no Docker daemon here");
    provider = await start();
    for (const id of ["one", "two"]) {
      const stage = await openStage();
      const backend = provider.open(id);
      (stage.deps.backends as Map<string, Backend>).set(name, backend);
      deployments.push({ stage, backend });
    }
  });
  afterEach(async () => {
    for (const { stage, backend } of deployments.splice(0)) {
      for (const thing of (await owned(backend)).toSorted((a, b) => a.kind.localeCompare(b.kind)))
        await remove(backend, thing);
      await backend.close();
      await stage.close();
    }
    await provider?.close();
  });

  const signal = new AbortController().signal;
  const owned = async (backend: Backend): Promise<OwnedResource[]> =>
    (await backend.listOwned({ signal })).filter(({ state }) => state !== "gone");
  const remove = async (backend: Backend, thing: OwnedResource): Promise<void> => {
    const ref = {
      resourceId: thing.workspaceId!,
      workspaceId: thing.workspaceId!,
      name: thing.name,
      providerId: thing.providerId,
      clientToken: thing.workspaceId!,
      details: {},
      askedAt: null,
      generation: thing.generation ?? 0,
    };
    if (thing.kind === "volume") return void (await backend.removeVolume(ref, { signal }));
    await expect.poll(() => backend.stop(ref, { signal })).toBe("gone");
  };
  const online = ({ stage }: Deployment) =>
    stage.online({
      ...newWorkspace(),
      backend: name as never,
      spec: {
        ...(name === "docker" ? { image: BUSYBOX_IMAGE } : {}),
        ...(name === "ec2" ? {} : { command: ["sleep", "3600"] }),
        readiness: "running",
      } as never,
    });

  it("never touch each other's things, though each calls the other's unknown to it (I10)", async () => {
    const [one, two] = deployments as [Deployment, Deployment];
    const first = await online(one);
    const second = await online(two);
    expect([first.status, second.status]).toEqual(["online", "online"]);
    // The first forgets everything: its own things are unclaimed now, and the second's never were its.
    await one.stage.pool.query("truncate workspaces, gates, operations, resources");
    for (let pass = 0; pass < 4; pass++)
      for (const { stage } of [one, two]) {
        await stage.time.advance(300_000);
        await stage.run(sweep);
        await stage.run("instance-state");
      }
    expect(await owned(one.backend), "its own are found and removed").toEqual([]);
    expect((await owned(two.backend)).map(({ kind }) => kind).toSorted()).toEqual(["instance", "volume"]);
    expect(await two.stage.workspace(second.id)).toMatchObject({
      status: "online",
      generation: 1,
      instance_id: second.instance_id,
    });
    expect(await two.stage.eventTypes()).not.toContain("workspace.leak.reaped");
    expect((await one.stage.eventTypes()).filter((type) => type === "workspace.leak.reaped")).toHaveLength(2);
  });
});
