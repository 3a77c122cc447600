import { randomUUID } from "node:crypto";
import { EC2Client } from "@aws-sdk/client-ec2";
import type {
  Backend,
  CallOptions,
  InstanceRef,
  LaunchRequest,
  VolumeRef,
} from "@berth/core/compute/backend";
import { createEc2Backend } from "@berth/core/compute/ec2/backend";
import type { Ec2Options } from "@berth/core/compute/ec2/settings";
import type { LaunchSpec as Spec } from "@berth/core/domain/secrets";
import { startSimulator, type RunningSimulator, type ServerOptions } from "berth-ec2-simulator/server";
import { onTestFinished } from "vitest";
import { CREDENTIALS, optionsFor, QUICK_DELAYS, REGION } from "./harness.js";

type FaultSpec = Parameters<RunningSimulator["sim"]["world"]["faults"]["add"]>[0];
type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A workspace as its ledger rows have it: `save` and what was answered change the refs. */
export interface LabWorkspace {
  id: string;
  volume: VolumeRef;
  instance(generation?: number): InstanceRef;
  request(instance: InstanceRef, spec?: Partial<Spec>): LaunchRequest;
  /** Launches and records what was answered. */
  launch(instance: InstanceRef, spec?: Partial<Spec>, by?: Backend): Promise<string>;
}

/** A simulator with a backend on it, gone when the test is over. Times in ms. */
export interface Lab extends RunningSimulator {
  backend: Backend;
  /** An operator's client. */
  operator: EC2Client;
  call: CallOptions;
  open(changes?: Partial<Ec2Options>): Backend;
  fault(spec: FaultSpec): void;
  clearFaults(): void;
  /** Calls of an action so far, as `outcome`, oldest first. */
  calls(action: string): string[];
  /** A parameter of each call of an action. */
  params(action: string, name: string): (string | undefined)[];
  /** Instances in any state but terminated. */
  alive(): string[];
  /** With a volume, unless told otherwise. */
  workspace(spec?: Spec): Promise<LabWorkspace>;
  unmade(): LabWorkspace;
}

export async function openLab(server: ServerOptions = {}, changes: Partial<Ec2Options> = {}): Promise<Lab> {
  const running = await startSimulator({ ...server, delays: { ...QUICK_DELAYS, ...server.delays } });
  const opened: Backend[] = [];
  const open = (more: Partial<Ec2Options> = {}): Backend => {
    const made = createEc2Backend(optionsFor(running.url, { ...changes, ...more }));
    opened.push(made);
    return made;
  };
  const operator = new EC2Client({ endpoint: running.url, region: REGION, credentials: CREDENTIALS });
  onTestFinished(async () => {
    operator.destroy();
    for (const backend of opened) await backend.close();
    await running.close();
  });
  const backend = open();
  const call: CallOptions = { signal: new AbortController().signal };
  const { sim } = running;
  const listed = (action: string) => sim.calls.list({ action });

  const unmade = (): LabWorkspace => {
    const id = randomUUID();
    const row = () => ({
      resourceId: randomUUID(),
      workspaceId: id,
      name: `ws-${id}`,
      providerId: null,
      clientToken: randomUUID(),
      details: {},
      askedAt: null,
    });
    const volume: VolumeRef = row();
    const request: LabWorkspace["request"] = (instance, spec = {}) => ({
      instance,
      volume,
      spec: { readiness: "running", ...spec },
      env: { BERTH_TOKEN: `token-of-${id}`, BERTH_GENERATION: String(instance.generation) },
      save: async ({ clientToken, details }) => {
        const ref: Mutable<InstanceRef> = instance;
        if (clientToken !== undefined) ref.clientToken = clientToken;
        ref.askedAt = performance.now();
        ref.details = { ...ref.details, ...details };
      },
    });
    return {
      id,
      volume,
      instance: (generation = 1) => ({ ...row(), generation }),
      request,
      async launch(instance, spec, by = backend) {
        const answer = await by.launch(request(instance, spec), call);
        const ref: Mutable<InstanceRef> = instance;
        ref.providerId = answer.providerId;
        ref.askedAt = performance.now();
        ref.details = { ...ref.details, ...answer.details };
        return answer.providerId;
      },
    };
  };

  return {
    ...running,
    backend,
    operator,
    call,
    open,
    fault: (spec) => void sim.world.faults.add(spec),
    clearFaults: () => sim.world.faults.clear(),
    calls: (action) => listed(action).map(({ outcome }) => outcome),
    params: (action, name) => listed(action).map(({ params }) => params[name]),
    alive() {
      sim.world.schedule.settle();
      return sim
        .regions()
        .flatMap(({ instances }) => [...instances.values()])
        .filter(({ state }) => state !== "terminated")
        .map(({ id }) => id);
    },
    unmade,
    async workspace(spec) {
      const made = unmade();
      const ref: Mutable<VolumeRef> = made.volume;
      const answer = await backend.createVolume(ref, { ...call, ...(spec === undefined ? {} : { spec }) });
      ref.providerId = answer.providerId;
      ref.askedAt = performance.now();
      ref.details = answer.details ?? {};
      return made;
    },
  };
}
