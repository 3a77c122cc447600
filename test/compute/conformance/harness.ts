import { randomUUID } from "node:crypto";
import type {
  Backend,
  CallOptions,
  InstanceRef,
  InstanceState,
  LaunchRequest,
  Logs,
  VolumeRef,
} from "@berth/core/compute/backend";
import { BackendError, type BackendErrorCode } from "@berth/core/compute/backend-error";
import type { LaunchSpec as Spec } from "@berth/core/domain/secrets";
import { afterAll, afterEach, beforeAll, expect, vi } from "vitest";

/** What the suite needs of a backend beside the contract. */
export interface BackendHarness {
  /** Of the backends that `open` makes when it isn't told another. */
  deploymentId: string;
  /** A backend with a client of its own, as in another worker process. Its grace for a stop is 1 s. */
  open(deploymentId?: string, installationId?: string): Backend;
  /** As `open`, for a provider that doesn't answer. */
  openUnreachable(): Promise<Backend>;
  /** The spec of an instance that runs this program, or any that stays up if the provider can't run one. */
  spec(command: readonly string[]): Spec;
  /** Ends an instance behind Berth's back, as a crash would. What is left of it stays. */
  crash(instance: InstanceRef): Promise<void>;
  /** Where programs find the volume; null for a provider that runs none. */
  volumePath: string | null;
  /** Its logs tell stdout from stderr, and when a line was written. */
  tellsStreams: boolean;
  /** Makes and looks at things of others under names of ours, where names are shared with others. */
  foreign: ForeignThings | null;
  /** What the provider says of limits; null for one that has none. */
  limits: ((instance: InstanceRef) => Promise<{ memoryBytes: number; cpus: number; pids: number }>) | null;
  close(): Promise<void>;
}

export interface ForeignThings {
  makeInstance(name: string): Promise<void>;
  makeVolume(name: string): Promise<void>;
  /** True if it is there and runs. */
  instanceIsIntact(name: string): Promise<boolean>;
  volumeIsIntact(name: string): Promise<boolean>;
  remove(name: string): Promise<void>;
}

/** What a test has of a workspace. */
export interface Workspace {
  id: string;
  volume: VolumeRef;
  /** A new ledger row with each call. */
  instance(generation?: number): InstanceRef;
}

/** Stays up, and ends on SIGTERM. */
export const STAY = ["sleep", "3600"];

/** A bench for the tests of a file or `describe`: what they leave behind fails them, and is removed. */
export function useBench(makeHarness: () => Promise<BackendHarness>): () => Bench {
  let bench: Bench | undefined;
  const use = (): Bench => {
    if (bench === undefined) throw new Error("the bench is opened before the tests");
    return bench;
  };
  beforeAll(async () => {
    bench = openBench(await makeHarness());
  });
  afterEach(async () => {
    await use().clear();
    expect(await use().backend.listOwned(use().call), "left by the test").toEqual([]);
  });
  afterAll(async () => {
    await bench?.close();
  });
  return use;
}

function openBench(harness: BackendHarness) {
  const backend = harness.open();
  const opened = [backend];
  const instances: InstanceRef[] = [];
  const volumes: VolumeRef[] = [];
  const call: CallOptions = { signal: new AbortController().signal };

  const workspace = (): Workspace => {
    const id = randomUUID();
    const name = `ws-${id}`;
    const row = () => ({
      resourceId: randomUUID(),
      providerId: null,
      clientToken: randomUUID(),
      details: {},
      askedAt: null,
    });
    const volume = { ...row(), workspaceId: id, name };
    volumes.push(volume);
    const instance = (generation = 1) => {
      const ref = { ...row(), workspaceId: id, generation, name };
      instances.push(ref);
      return ref;
    };
    return { id, volume, instance };
  };
  const request = (of: Workspace, instance: InstanceRef, spec: Partial<Spec> = {}): LaunchRequest => ({
    instance,
    volume: of.volume,
    spec: { ...harness.spec(spec.command ?? STAY), ...spec },
    env: {},
    save: async () => undefined,
  });
  const stateOf = async (ref: InstanceRef, by = backend): Promise<InstanceState | undefined> =>
    (await by.probe([ref], call)).get(ref.resourceId);

  return {
    harness,
    backend,
    call,
    workspace,
    request,
    stateOf,
    /** Another worker's backend. */
    another(deploymentId?: string, installationId?: string): Backend {
      const made = harness.open(deploymentId, installationId);
      opened.push(made);
      return made;
    },
    /** A workspace with its volume. */
    async prepared(): Promise<Workspace> {
      const made = workspace();
      await backend.createVolume(made.volume, call);
      return made;
    },
    /** An instance that runs, with its provider id in its ref, as the ledger has it after the launch. */
    async running(
      of: Workspace,
      generation = 1,
      spec: Partial<Spec> = {},
    ): Promise<InstanceRef & { providerId: string }> {
      const instance = of.instance(generation);
      const { providerId } = await backend.launch(request(of, instance, spec), call);
      const known = { ...instance, providerId };
      await vi.waitFor(async () => expect(await stateOf(known)).toBe("running"));
      return known;
    },
    /** Removes what the tests of this bench have made. */
    async clear(): Promise<void> {
      for (const instance of instances.splice(0))
        await vi.waitFor(async () => expect(await backend.stop(instance, call)).toBe("gone"));
      for (const volume of volumes.splice(0))
        expect(await backend.removeVolume(volume, call), volume.name).toBe("gone");
    },
    async close(): Promise<void> {
      for (const made of opened) await made.close();
      await harness.close();
    },
  };
}

export type Bench = ReturnType<typeof openBench>;

/** What an instance wrote, without the last line's end. */
export function textOf({ lines }: Logs): string {
  return lines.map(({ text }) => text).join("\n");
}

/** Matches a rejection's error. */
export function failure(code: BackendErrorCode, kind?: "transient" | "permanent"): object {
  return expect.toSatisfy(
    (error: unknown) =>
      error instanceof BackendError && error.code === code && (kind === undefined || error.kind === kind),
    `BackendError ${code} ${kind ?? ""}`,
  ) as object;
}
