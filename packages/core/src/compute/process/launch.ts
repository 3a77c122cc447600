import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { CallOptions, LaunchRequest } from "../backend.js";
import { BackendError, volumeMissing } from "../backend-error.js";
import { poll } from "../poll.js";
import { type Claim, claimFile, providerIdOf, readClaim, removeRecord, VOID, voidClaim } from "./claim.js";
import { keepEnd } from "./end.js";
import { environmentOf } from "./environment.js";
import { CANNOT_RUN, CLAIMED_BY_ANOTHER, type Launcher, launcherFor, NO_IDENTITY } from "./launcher.js";
import { logFile } from "./log.js";
import { insistOnOwnership } from "./owners.js";
import { codeOf, listRecords, listVolumes, type Places, recordOf, unreachable } from "./places.js";
import type { ProcessTable } from "./process-table.js";
import { commandAs, giveVolume, type ProcessUser } from "./user.js";

const PACE = { firstMs: 3, longestMs: 3 };
const START_TIMEOUT_MS = 10_000;

/**
 * Starts the program, or adopts what an earlier call has started. The record's directory is made first, and
 * the record of another generation refused after that: of two launches of different generations at least
 * one sees the other.
 * @throws BackendError
 */
export async function launchProcess(
  places: Places,
  table: ProcessTable,
  request: LaunchRequest,
  { signal, user }: CallOptions & { user: ProcessUser | undefined },
): Promise<string> {
  const record = recordOf(request.instance);
  await requireVolume(places, request);
  // One from before there was a user is given too.
  if (user !== undefined) await giveVolume(places, request.volume.name, user);
  const env = environmentOf(request, places, join(places.volumes, request.volume.name));
  const launcher = await launcherFor(env);
  const made = await makeRecord(places, record);
  const claim = await readClaim(places, record);
  if (claim !== null) return adopted(claim, record);
  await refuseOthers(places, request, record, made);
  if (signal.aborted) throw new BackendError("aborted", "transient", `launch of ${record}: given up`);
  const child = await startLauncher(places, request, record, env, launcher, user);
  await untilStarted(child, table, places, record, signal);
  return await outcome(child, places, record, request);
}

/** Before there is a record: one that gets no further would stay. */
async function requireVolume(places: Places, { volume }: LaunchRequest): Promise<void> {
  await insistOnOwnership(places, volume.workspaceId);
  if ((await listVolumes(places)).some(({ name }) => name === volume.name)) return;
  if (volume.providerId !== null) throw volumeMissing(volume);
  throw new BackendError("backend_failed", "transient", `volume ${volume.name} is not there`);
}

async function makeRecord(places: Places, record: string): Promise<boolean> {
  try {
    await mkdir(join(places.instances, record), { mode: 0o700 });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw unreachable("make a record", error);
  }
}

function adopted(claim: Claim | typeof VOID, record: string): string {
  if (claim !== VOID) return providerIdOf(claim);
  throw new BackendError("backend_failed", "transient", `${record} is being removed`);
}

async function refuseOthers(
  places: Places,
  { instance }: LaunchRequest,
  record: string,
  made: boolean,
): Promise<void> {
  const other = (await listRecords(places)).find(
    ({ workspaceId, generation }) =>
      workspaceId === instance.workspaceId && generation !== instance.generation,
  );
  if (other === undefined) return;
  // Not if another launch of this generation, which saw no other, has started meanwhile.
  if (made) await withdraw(places, record);
  throw new BackendError(
    "other_generation",
    other.generation > instance.generation ? "permanent" : "transient",
    `${instance.name} of generation ${other.generation} is in the place of ${instance.generation}`,
  );
}

/** Removes a record that no process has claimed, and none can claim any more. */
async function withdraw(places: Places, record: string): Promise<void> {
  if (await voidClaim(places, record)) await removeRecord(places, record, VOID);
}

async function startLauncher(
  places: Places,
  { instance, volume, spec }: LaunchRequest,
  record: string,
  env: Record<string, string>,
  [launcher, ...script]: Launcher,
  user: ProcessUser | undefined,
): Promise<ChildProcess> {
  const cwd = join(places.volumes, volume.name);
  const args = [
    ...script,
    claimFile(places, record),
    instance.resourceId,
    ...commandAs(user, spec.command ?? []),
  ];
  const log = await open(logFile(places, record), "a", 0o600).catch((error: unknown) => {
    // A stop has removed the record meanwhile.
    throw unreachable("open a log", error);
  });
  try {
    // A group and session of its own: it outlives this worker, and a signal reaches all of it.
    const child = spawn(launcher, args, { cwd, env, detached: true, stdio: ["ignore", log.fd, log.fd] });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    keepEnd(child, places, record);
    child.unref();
    return child;
  } catch (error) {
    await withdraw(places, record);
    throw spawnFailure(record, codeOf(error) ?? "unknown");
  } finally {
    await log.close();
  }
}

function spawnFailure(record: string, code: string): BackendError {
  const text = `${record} can't be started: ${code}`;
  const options = { providerCode: code };
  if (code === "E2BIG") return new BackendError("invalid_spec", "permanent", text, options);
  if (code === "EAGAIN" || code === "ENOMEM" || code === "EMFILE" || code === "ENFILE")
    return new BackendError("capacity", "transient", text, options);
  return new BackendError("backend_failed", "transient", text, options);
}

/** Resolves when the launcher has become the program, or has ended. */
async function untilStarted(
  child: ChildProcess,
  table: ProcessTable,
  places: Places,
  record: string,
  signal: AbortSignal,
): Promise<void> {
  const file = claimFile(places, record);
  // Given up or too late: it goes on by itself, and the next launch adopts it.
  const started = await poll({ limitMs: START_TIMEOUT_MS, ...PACE, signal }, async () => {
    if (child.exitCode !== null || child.signalCode !== null) return true;
    const args = await table.argumentsOf(child.pid as number);
    return args !== null && args !== "" && !args.includes(file) ? true : null;
  });
  if (started === null)
    throw new BackendError("backend_timeout", "transient", `${record} hasn't started within 10 s`);
}

async function outcome(
  child: ChildProcess,
  places: Places,
  record: string,
  { spec }: LaunchRequest,
): Promise<string> {
  const claim = await readClaim(places, record);
  const { exitCode, pid } = child;
  const failed = exitCode !== null && CANNOT_RUN.has(exitCode);
  if (failed && claim !== null && claim !== VOID && claim.pid === pid) {
    await removeRecord(places, record, claim);
    throw new BackendError("start_failed", "permanent", `${JSON.stringify(spec.command?.[0])} can't be run`, {
      providerCode: String(exitCode),
    });
  }
  if (claim !== null) return adopted(claim, record);
  const reason =
    exitCode === CLAIMED_BY_ANOTHER
      ? "it was removed meanwhile"
      : exitCode === NO_IDENTITY
        ? "the system doesn't tell its identity"
        : `the launcher ended (${exitCode ?? child.signalCode ?? "no code"})`;
  throw new BackendError("backend_failed", "transient", `${record} has not started: ${reason}`);
}
