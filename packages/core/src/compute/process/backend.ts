import type { Logger } from "../../base/logger.js";
import type { Owner } from "../../domain/owner.js";
import type { Backend } from "../backend.js";
import { BackendError } from "../backend-error.js";
import { checked } from "../decorate.js";
import { createEnds } from "../ends.js";
import { examineMachine } from "./examine.js";
import { identifyMachine, markMachine } from "./identity.js";
import { launchProcess } from "./launch.js";
import { readLog } from "./log.js";
import { notesOfMachine } from "./notes.js";
import { listLookalikes, listOwned } from "./owned.js";
import { insistOnOwnership } from "./owners.js";
import { openPlaces } from "./places.js";
import { probeProcesses } from "./probe.js";
import { openProcessTable } from "./open-process-table.js";
import { stopProcess } from "./stop.js";
import { type ProcessUser, requireUser } from "./user.js";
import { createVolume, removeVolume } from "./volumes.js";

export interface ProcessBackendOptions extends Owner {
  /** Everything lies below `<dataDir>/process/<deployment id>`, on a disk of this machine. */
  dataDir: string;
  /** Between SIGTERM and SIGKILL. Default 10 s. */
  stopGraceMs?: number;
  /** Whom programs run as; absent: Berth's own user. */
  user?: ProcessUser | undefined;
  logger?: Logger;
}

/**
 * Workspaces as processes of this machine, with a directory each as volume: for development and tests. They
 * run as Berth's own user, or the one given, without isolation or limits. Any number of workers may share `dataDir`, in one
 * pid namespace; all state is in its files and in the system's process table.
 * @throws if the directories can't be made, or programs can't be run as that user.
 */
export function createProcessBackend(options: ProcessBackendOptions): Backend {
  const { dataDir, deploymentId, installationId, stopGraceMs = 10_000, user, logger } = options;
  if (process.platform === "win32") throw new Error("the process backend needs a POSIX system");
  requireUser(user);
  const places = openPlaces(dataDir, { deploymentId, installationId });
  const table = openProcessTable();
  const ends = createEnds();
  const backend: Backend = {
    name: "process",
    // A launcher can only start with its record in place, so an absence is proof at once.
    settleMs: 0,
    async identify({ signal }) {
      refuseAborted(signal);
      return await identifyMachine(places);
    },
    async mark({ signal }) {
      refuseAborted(signal);
      return await markMachine(places);
    },
    notes: notesOfMachine(places),
    examine: () => examineMachine(places, user),
    async createVolume(volume, { signal }) {
      refuseAborted(signal);
      return { providerId: await createVolume(places, volume, user) };
    },
    async removeVolume(volume, { signal }) {
      refuseAborted(signal);
      return await removeVolume(places, table, volume);
    },
    async ready({ volume }, { signal }) {
      refuseAborted(signal);
      if (volume !== null) await createVolume(places, volume, user);
    },
    async launch(request, call) {
      if (request.spec.command === undefined || request.spec.command.length === 0)
        throw new BackendError(
          "invalid_spec",
          "permanent",
          "spec.command is required by the process backend",
        );
      refuseAborted(call.signal);
      return { providerId: await launchProcess(places, table, request, { ...call, user }), url: null };
    },
    async stop(instance, call) {
      await insistOnOwnership(places, instance.workspaceId);
      return await stopProcess(places, table, ends, instance, stopGraceMs, call);
    },
    async probe(instances, { signal }) {
      refuseAborted(signal);
      return await probeProcesses(places, table, ends, instances);
    },
    reasonOf: ({ resourceId }) => ends.of(resourceId),
    async listOwned({ signal }) {
      refuseAborted(signal);
      return await listOwned(places, table);
    },
    async listLookalikes({ signal }) {
      refuseAborted(signal);
      return await listLookalikes(places, table);
    },
    async logs(instance, call) {
      refuseAborted(call.signal);
      await insistOnOwnership(places, instance.workspaceId);
      return await readLog(places, instance, call);
    },
    async close() {
      // Nothing is held open between calls.
    },
  };
  return checked(backend, logger);
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new BackendError("aborted", "transient", "given up before it began");
}
