import { createLogger } from "@berth/core/base/logger";
import type { LaunchSpec as Spec } from "@berth/core/domain/secrets";
import { createWorkspace } from "@berth/core/requests/create";
import { listEvents, type StructureEvent } from "@berth/core/db/events";
import type { Ec2Options } from "@berth/core/compute/ec2/settings";
import type { ServerOptions } from "berth-ec2-simulator/server";
import { inject, onTestFinished } from "vitest";
import { ended } from "../../support/wait.js";
import { BY_TEST, startFleet, type Fleet } from "../../support/fleet.js";
import { openLab, type Lab } from "./lab.js";

export interface Ec2Fleet extends Fleet {
  lab: Lab;
  /** Everything that was logged, at level trace. */
  logged: string[];
  /** Accepts a workspace; its id and its provision's. */
  create(parentId?: string | null, spec?: Spec): Promise<{ id: string; operation: string }>;
  /** As `create`, and waits until it is provisioned. */
  provisioned(parentId?: string | null, spec?: Spec): Promise<string>;
  events(type: string): Promise<StructureEvent[]>;
  /** What the simulator still has. */
  left(): Promise<{ instances: number; volumes: number; records: number }>;
}

/** Times in ms: attempts end soon and so do the waits of each. */
const ENV = {
  BERTH_BACKENDS: "ec2,external",
  BERTH_CONCURRENCY: "60",
  BERTH_STOP_GRACE_MS: "100",
  BERTH_CALL_TIMEOUT_MS: "1000",
  BERTH_SWEEPS_PAUSED: "leaked-instances,docker-orphans,instance-state,removed-instances",
};

/** For what heals by itself: few attempts and short pauses, and the sweeps that see to it. */
export const QUICK = {
  BERTH_RETRY_ATTEMPTS: "2",
  BERTH_RESTART_DEBOUNCE_MS: "0",
  BERTH_RESTART_LONGEST_PAUSE_MS: "500",
  BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "300",
  BERTH_SWEEP_REMOVED_INSTANCES_EVERY_MS: "300",
  BERTH_SWEEPS_PAUSED: "leaked-instances,docker-orphans",
};

/** Workers of Berth on a simulated EC2, gone when the test is over. */
export async function openEc2Fleet(
  options: {
    workers?: number;
    env?: Readonly<Record<string, string>>;
    server?: ServerOptions;
    ec2?: Partial<Ec2Options>;
  } = {},
): Promise<Ec2Fleet> {
  // Far more than AWS allows: these tests are about other things than waiting for tokens.
  const lab = await openLab(options.server, {
    deploymentId: "berth",
    apiShare: 100,
    stopGraceMs: 100,
    ...options.ec2,
  });
  const fleet = await startFleet({ redisUrl: inject("redis").url, env: { ...ENV, ...options.env } });
  const logged: string[] = [];
  const logger = createLogger({ logLevel: "trace" }, "test", { write: (line) => void logged.push(line) });
  for (let n = 0; n < (options.workers ?? 1); n++)
    fleet.startWorker({ backends: new Map([["ec2", lab.open({ logger })]]), logger });
  // Registered after the lab's own, so it ends before it.
  onTestFinished(() => fleet.close());

  const create: Ec2Fleet["create"] = async (parentId = null, spec = {}) => {
    const { workspace, operation } = await createWorkspace(
      fleet.context,
      {
        name: "w",
        parent_id: parentId,
        backend: "ec2",
        spec: { readiness: "running", ...spec },
        labels: {},
        hibernate_after_minutes: null,
        expires_at: null,
      },
      BY_TEST,
    );
    return { id: workspace.id, operation: operation.id };
  };
  return {
    ...fleet,
    lab,
    logged,
    create,
    async provisioned(parentId, spec) {
      const { id, operation } = await create(parentId, spec);
      await ended(fleet.pool, [operation]);
      return id;
    },
    events: (type) => listEvents(fleet.pool, { type, limit: 1_000 }),
    async left() {
      const answer = await fetch(`${lab.url}/_sim/state?counts=true`);
      const { counts } = (await answer.json()) as {
        counts: { instances: number; volumes: number; records: number };
      };
      return { instances: counts.instances, volumes: counts.volumes, records: counts.records };
    },
  };
}

export const NOTHING = { instances: 0, volumes: 0, records: 0 };
