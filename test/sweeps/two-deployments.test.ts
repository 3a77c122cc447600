import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest";
import type { Backend, OwnedResource } from "@berth/core/compute/backend";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { createEc2Backend } from "@berth/core/compute/ec2/backend";
import { createProcessBackend } from "@berth/core/compute/process/backend";
import { openInstallation } from "@berth/core/db/installation";
import type { Owner } from "@berth/core/domain/owner";
import type { SweepName } from "@berth/core/domain/sweep";
import { startSimulator } from "berth-ec2-simulator/server";
import { optionsFor, QUICK_DELAYS } from "../compute/ec2/harness.js";
import { newWorkspace } from "../support/fleet.js";
import { BUSYBOX_IMAGE } from "../support/images.js";
import { openStage, type Stage } from "./stage.js";

interface Provider {
  open(owner: Owner): Backend;
  close(): Promise<void>;
}

const PROVIDERS: Readonly<Record<string, { sweep: SweepName; start(): Promise<Provider> }>> = {
  process: {
    sweep: "docker-orphans",
    async start() {
      const dataDir = await mkdtemp(join(tmpdir(), "two-"));
      return {
        open: (owner) => createProcessBackend({ dataDir, ...owner, stopGraceMs: 1_000 }),
        close: () => rm(dataDir, { recursive: true, force: true }),
      };
    },
  },
  docker: {
    sweep: "docker-orphans",
    async start() {
      const { socketPath } = inject("docker")!;
      return {
        open: (owner) =>
          createDockerBackend({
            ...owner,
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
        open: (owner) => createEc2Backend({ ...optionsFor(simulator.url), ...owner }),
        close: () => simulator.close(),
      };
    },
  },
};

/** One deployment: a database, a clock and a worker of its own. */
interface Deployment {
  stage: Stage;
  backend: Backend;
  installationId: string;
}

const DAY_MS = 86_400_000;
/** Each sweep that acts on what a provider lists or tells. */
const ACTING: readonly SweepName[] = [
  "docker-orphans",
  "leaked-instances",
  "removed-instances",
  "instance-state",
  "provisioning-timeout",
  "expiry",
];

describe.each(Object.keys(PROVIDERS))("two deployments on one %s", (name) => {
  const { sweep, start } = PROVIDERS[name]!;
  let provider: Provider;
  const deployments: Deployment[] = [];
  beforeEach(async (context) => {
    context.skip(name === "docker" && inject("docker") === null, "no Docker daemon here");
    provider = await start();
  });
  const open = async (deploymentId: string, env: Record<string, string> = {}): Promise<Deployment> => {
    const stage = await openStage(env);
    const { id: installationId } = await openInstallation(stage.pool);
    const backend = provider.open({ deploymentId, installationId });
    (stage.deps.backends as Map<string, Backend>).set(name, backend);
    const made = { stage, backend, installationId };
    deployments.push(made);
    return made;
  };
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
    const one = await open("one");
    const two = await open("two");
    const first = await online(one);
    const second = await online(two);
    expect([first.status, second.status]).toEqual(["online", "online"]);
    // The first forgets everything: its own things are unclaimed now, and the second's never were its.
    await one.stage.pool.query("truncate workspaces, agents, gates, operations, resources");
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

  it("don't touch each other's under one name either: two installations, of which one was never asked for anything (I10)", async () => {
    const deploymentId = `same-${randomUUID().slice(0, 8)}`;
    const days = { BERTH_LEAK_VOLUME_GRACE_DAYS: "1" };
    const asked = await open(deploymentId, days);
    const idle = await open(deploymentId, days);
    const made = await online(asked);
    expect(made.status).toBe("online");
    const before = (await owned(asked.backend)).map(({ providerId }) => providerId).toSorted();
    for (let pass = 0; pass < 6; pass++) {
      for (const one of ACTING) await idle.stage.run(one);
      await idle.stage.time.advance(pass < 3 ? 300_000 : 2 * DAY_MS);
    }
    expect((await owned(asked.backend)).map(({ providerId }) => providerId).toSorted()).toEqual(before);
    expect(await owned(idle.backend)).toEqual([]);
    const { rows } = await idle.stage.pool.query("select kind, why, attempts from sightings order by kind");
    const why = expect.stringContaining(asked.installationId);
    expect(rows).toMatchObject([
      { kind: "instance", why, attempts: 0 },
      { kind: "volume", why, attempts: 0 },
    ]);
    const types = await idle.stage.eventTypes();
    expect(types.filter((type) => type === "place.shared")).toHaveLength(1);
    expect(types).not.toContain("workspace.leak.reaped");

    // The other one goes on as if it were alone: it heals what it loses.
    const instance = (await owned(asked.backend)).find(({ kind }) => kind === "instance")!;
    await remove(asked.backend, instance);
    await asked.stage.time.advance(300_000);
    await asked.stage.run("instance-state");
    await asked.stage.settle();
    await idle.stage.run(sweep);
    expect(await asked.stage.workspace(made.id)).toMatchObject({ status: "online", generation: 2 });
    expect((await owned(asked.backend)).map(({ kind }) => kind).toSorted()).toEqual(["instance", "volume"]);
  });
});
