import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Backend } from "@berth/core/compute/backend";
import { createProcessBackend } from "@berth/core/compute/process/backend";
import { listEvents } from "@berth/core/db/events";
import { listPlaceWorkers } from "@berth/core/db/place-workers";
import { listResources } from "@berth/core/db/resources";
import { createWorkspace, type CreateInput } from "@berth/core/requests/create";
import { removeWorkspace } from "@berth/core/requests/delete";
import { expect, onTestFinished, vi } from "vitest";
import { BY_TEST, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { ended } from "../support/wait.js";
import { INSTALLATION } from "../support/installations.js";

/** Machines as the backend `process` knows them: a directory is all of one. */
export interface Scene extends Fleet {
  /** A machine's directory, and a backend that reaches whatever is there. */
  machine(): Promise<{ dataDir: string; open(): Backend; owned(): Promise<string[]> }>;
  /** A path that leads to a machine until it is pointed elsewhere, as a socket may be. */
  path(dataDir: string): Promise<{ dataDir: string; open(): Backend; point(dataDir: string): Promise<void> }>;
  online(extra?: Partial<CreateInput>): Promise<string>;
  remove(id: string): Promise<string>;
  /** Waits until what each live worker says of a place is so. */
  contact(place: string, ...states: string[]): Promise<string[]>;
  ledger(id: string): Promise<string[]>;
  eventsOf(type: string): Promise<Record<string, unknown>[]>;
}

export async function openScene(env: Readonly<Record<string, string>> = {}): Promise<Scene> {
  const fleet = await startFleet({ redisUrl: null, env: { BERTH_STOP_GRACE_MS: "500", ...env } });
  const directory = await mkdtemp(join(tmpdir(), "places-"));
  const opened: Backend[] = [];
  const open = (dataDir: string): Backend => {
    const backend = createProcessBackend({
      dataDir,
      deploymentId: "berth",
      installationId: INSTALLATION,
      stopGraceMs: 500,
    });
    opened.push(backend);
    return backend;
  };
  onTestFinished(async () => {
    await fleet.close();
    const { signal } = new AbortController();
    for (const backend of opened)
      for (const thing of await backend.listOwned({ signal }).catch(() => []))
        if (thing.kind === "instance" && thing.state === "running")
          kill(Number(thing.providerId.split("@")[0]));
    await rm(directory, { recursive: true, force: true });
  });
  let machines = 0;
  return {
    ...fleet,
    async machine() {
      const dataDir = join(directory, `machine-${machines++}`);
      return {
        dataDir,
        open: () => open(dataDir),
        async owned() {
          const things = await open(dataDir).listOwned({ signal: new AbortController().signal });
          return things
            .map(({ kind, state }) => (kind === "instance" ? `${kind} ${state}` : kind))
            .toSorted();
        },
      };
    },
    async path(dataDir) {
      const link = join(directory, `path-${machines++}`);
      await symlink(dataDir, link);
      return {
        dataDir: link,
        open: () => open(link),
        async point(other) {
          await rm(link);
          await symlink(other, link);
        },
      };
    },
    async online(extra = {}) {
      const spec = { command: ["sleep", "3600"], readiness: "running" as const };
      const { workspace, operation } = await createWorkspace(
        fleet.context,
        { ...newWorkspace(), spec, ...extra },
        BY_TEST,
      );
      expect((await ended(fleet.pool, [operation.id]))[0]).toMatchObject({ state: "succeeded" });
      return workspace.id;
    },
    async remove(id) {
      const { operations } = await removeWorkspace(fleet.context, id, {
        cascade: false,
        purge: false,
        ...BY_TEST,
      });
      return operations[0]!.id;
    },
    async contact(place, ...states) {
      return vi.waitFor(
        async () => {
          const rows = await listPlaceWorkers(fleet.pool, 60_000, place);
          expect(rows.map(({ state }) => state).toSorted()).toEqual(states.toSorted());
          return rows.flatMap(({ problem }) => problem ?? []);
        },
        { timeout: 20_000, interval: 25 },
      );
    },
    async ledger(id) {
      return (await listResources(fleet.pool, id)).map(({ kind, state }) => `${kind} ${state}`).toSorted();
    },
    async eventsOf(type) {
      return (await listEvents(fleet.pool, { type, limit: 1_000 })).map(({ payload }) => payload);
    },
  };
}

/** It may have ended since it was listed. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
