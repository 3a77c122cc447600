import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { TestRedis } from "../../support/redis.js";
import type { Fleet } from "../fleet/fleet.js";
import { failOver } from "../fleet/failover.js";
import type { Caller } from "../load/caller.js";
import type { Journal } from "../journal.js";
import type { Sampler } from "../sampler.js";
import { describe, type Fault, type FaultOf, type PlannedFault } from "./fault.js";
import { hangPulls } from "./hang-pulls.js";
import { DROUGHT, type Storm, STORMS, VISIBILITY_MS } from "./storms.js";
import { prune } from "./strike-container.js";
import { strike } from "./strike.js";

export interface Scene {
  fleet: Fleet;
  sampler: Sampler;
  journal: Journal;
  agentsMark: string;
  /** Asks as the clients do. */
  call: Caller;
}

/** Breaks what a plan says, when it says so, and mends it again. Resolves when the last is mended. */
export async function inflict(
  scene: Scene,
  plan: readonly PlannedFault[],
  signal: AbortSignal,
): Promise<void> {
  const began = Date.now();
  await Promise.all(
    plan.map(async (fault, id) => {
      await delay(began + fault.at - Date.now(), undefined, { signal });
      const at = Date.now();
      const { detail = {}, mend } = await begin(scene, fault);
      await delay(fault.forMs, undefined, { signal }).catch(() => undefined);
      await mend?.();
      // One line each, when it is over: what is under way when the machine is lost is of no use.
      scene.journal.write({
        type: "fault",
        id,
        at,
        until: Date.now(),
        what: describe(fault),
        fault,
        ...detail,
      });
    }),
  );
}

interface Begun {
  /** What the auditor needs besides. */
  detail?: object;
  mend?: () => Promise<void>;
}

async function begin(scene: Scene, fault: Fault): Promise<Begun> {
  const { fleet, sampler } = scene;
  switch (fault.kind) {
    case "kill": {
      const program = fleet.programs.get(fault.program)!;
      const pid = program.pid();
      await program.kill();
      const killedAt = Date.now();
      const held = pid === null ? [] : await sampler.heldBy(pid);
      return { detail: { held, killedAt }, mend: async () => program.again() };
    }
    case "kill-at-step": {
      const program = fleet.programs.get(fault.program)!;
      await program.kill();
      program.again({ BERTH_FAULT_AT_STEP: fault.step });
      return {
        async mend() {
          await program.kill();
          program.again();
        },
      };
    }
    case "freeze": {
      const program = fleet.programs.get(fault.program)!;
      program.freeze();
      return { mend: async () => program.thaw() };
    }
    case "redis":
      return breakRedis(fleet, fault.how);
    case "postgres":
      if (fault.how === "cut") {
        await sampler.cutConnections();
        return {};
      }
      await fleet.postgres.end(fault.how);
      return { mend: () => fleet.postgres.start() };
    case "network": {
      const link = fleet.links.get(fault.link)!;
      link.set(fault.how);
      return { mend: async () => link.set("open") };
    }
    case "provider":
      return storm(fleet.simulatorUrl, STORMS[fault.storm]!);
    case "drought":
      return storm(fleet.simulatorUrl, DROUGHT);
    case "neighbour":
      fleet.neighbour.start();
      return { mend: () => fleet.neighbour.stop() };
    case "registry":
      return { mend: hangPulls(scene.call, fleet.docker!.hangingImage, fault.creates) };
    case "docker":
      await fleet.docker!.end(fault.how);
      return { detail: { killedAt: Date.now() }, mend: () => fleet.docker!.start() };
    case "strike":
      if (fault.how === "prune") return { detail: { pruned: await prune(fleet) } };
      return { detail: { struck: await strike(scene, fault.how, fault.pick) } };
    case "clock": {
      fleet.clocks!.set(fault.of, fault.stepMs);
      return { mend: async () => fleet.clocks!.set(fault.of, 0) };
    }
    case "disk": {
      const disk = fleet.disks.get(fault.of)!;
      await disk.fill();
      return {
        async mend() {
          await disk.clear();
          // They may have ended themselves; an orchestrator starts them again.
          await (fault.of === "postgres" ? fleet.postgres.start() : restart(fleet.redis));
        },
      };
    }
  }
}

async function breakRedis(
  { redis, redisTargets, sentinels }: Fleet,
  how: FaultOf<"redis">["how"],
): Promise<Begun> {
  if (sentinels !== null) {
    const mend = await sentinels.strike(how);
    return mend === undefined ? {} : { mend };
  }
  switch (how) {
    case "flush":
      // Where a failover isn't over yet it is a replica, which takes no writes.
      await redis.flush().catch((error: unknown) => {
        if (!String(error).includes("READONLY")) throw error;
      });
      return {};
    case "stop":
      await redis.stop();
      return { mend: () => redis.start() };
    case "crash":
      redis.signal("SIGKILL");
      return { mend: () => restart(redis) };
    case "freeze":
      redis.signal("SIGSTOP");
      return { mend: async () => redis.signal("SIGCONT") };
    case "older":
      return restoreOlder(redis);
    case "failover": {
      const { back } = await failOver(redis, redisTargets);
      return { mend: back };
    }
  }
}

/** Also where it has ended itself. */
async function restart(redis: TestRedis): Promise<void> {
  await redis.stop();
  await redis.start();
}

async function restoreOlder(redis: TestRedis): Promise<Begun> {
  const [files, older] = ["appendonlydir", "older"].map((name) => join(redis.directory, name)) as [
    string,
    string,
  ];
  await rm(older, { recursive: true, force: true });
  await cp(files, older, { recursive: true });
  return {
    async mend() {
      await redis.stop();
      await rm(files, { recursive: true });
      await cp(older, files, { recursive: true });
      await redis.start();
    },
  };
}

async function storm(url: string, { rules, visibilityMs }: Storm): Promise<Begun> {
  const show = (visibility: number) =>
    fetch(`${url}/_sim/settings`, { method: "PATCH", body: JSON.stringify({ delays: { visibility } }) });
  if (visibilityMs !== undefined) await show(visibilityMs);
  const response = await fetch(`${url}/_sim/faults`, { method: "POST", body: JSON.stringify(rules) });
  const added = (await response.json()) as { id: string }[];
  return {
    async mend() {
      await show(VISIBILITY_MS);
      for (const { id } of added) await fetch(`${url}/_sim/faults/${id}`, { method: "DELETE" });
      const state = (await (await fetch(`${url}/_sim/state`)).json()) as Record<
        "instances" | "volumes",
        { id: string; stuck: boolean }[]
      >;
      for (const kind of ["instances", "volumes"] as const)
        for (const { id } of state[kind].filter(({ stuck }) => stuck))
          await fetch(`${url}/_sim/${kind}/${id}/release`, { method: "POST" });
    },
  };
}
