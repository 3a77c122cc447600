import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Owner } from "../../domain/owner.js";
import type { InstanceRef } from "../backend.js";
import { BackendError } from "../backend-error.js";

/** A part of paths and of the marker in the environment. */
const DEPLOYMENT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const RECORD = /^(ws-([0-9a-f-]{36}))\.(\d{1,15})$/;
const REMOVED = ".removed-";
/** Far longer than a removal takes between its two steps. */
const REMOVED_KEPT_MS = 60_000;
const VOLUME = /^ws-([0-9a-f-]{36})$/;

/** Where a deployment keeps what it runs on this machine. All worker processes of it share these. */
export interface Places {
  owner: Owner;
  /** Names these places in the marker of each instance: another data directory's instances aren't ours. */
  mark: string;
  /** The directory of all of these. */
  root: string;
  /** One directory `ws-<workspace id>.<generation>` an instance: its claim and its log. */
  instances: string;
  /** One directory `ws-<workspace id>` a volume. */
  volumes: string;
  /** One file `ws-<workspace id>` a workspace: whose it is. */
  owners: string;
}

export interface RecordName {
  /** The directory's name. */
  record: string;
  name: string;
  workspaceId: string;
  generation: number;
}

/**
 * Makes the directories once. They aren't made again when they are missing later: an empty new one would
 * say of every instance that it is gone.
 */
export function openPlaces(dataDir: string, owner: Owner): Places {
  const { deploymentId } = owner;
  if (!DEPLOYMENT_ID.test(deploymentId)) throw new TypeError("the deployment id must be a plain file name");
  const root = join(resolve(dataDir), "process", deploymentId);
  const mark = `${deploymentId}:${createHash("sha256").update(root).digest("hex").slice(0, 12)}`;
  const places = {
    owner,
    mark,
    root,
    instances: join(root, "instances"),
    volumes: join(root, "volumes"),
    owners: join(root, "owners"),
  };
  mkdirSync(places.instances, { recursive: true, mode: 0o700 });
  mkdirSync(places.volumes, { recursive: true, mode: 0o700 });
  mkdirSync(places.owners, { recursive: true, mode: 0o700 });
  clearRemoved(places);
  return places;
}

/** Where a record goes before its files are removed. */
export function removedPlace({ instances }: Places, id: string): string {
  return join(instances, `${REMOVED}${id}`);
}

/** What a crash left between the two steps of a removal. */
function clearRemoved({ instances }: Places): void {
  for (const entry of readdirSync(instances).filter((name) => name.startsWith(REMOVED))) {
    const path = join(instances, entry);
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? Infinity);
    if (age > REMOVED_KEPT_MS) rmSync(path, { recursive: true, force: true });
  }
}

export function recordOf(instance: InstanceRef): string {
  return `${instance.name}.${instance.generation}`;
}

/** All records, in one look. @throws BackendError */
export async function listRecords({ instances }: Places): Promise<RecordName[]> {
  return (await list(instances)).flatMap((record) => {
    const [, name, workspaceId, generation] = RECORD.exec(record) ?? [];
    if (name === undefined || workspaceId === undefined) return [];
    return [{ record, name, workspaceId, generation: Number(generation) }];
  });
}

/** @throws BackendError */
export async function listVolumes({ volumes }: Places): Promise<{ name: string; workspaceId: string }[]> {
  return (await list(volumes)).flatMap((name) => {
    const workspaceId = VOLUME.exec(name)?.[1];
    return workspaceId === undefined ? [] : [{ name, workspaceId }];
  });
}

async function list(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    throw unreachable("list the data directory", error);
  }
}

/** The files don't answer: an absence among them proves nothing. */
export function unreachable(what: string, error: unknown): BackendError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new BackendError("backend_unreachable", "transient", `${what}: ${message}`, {
    providerCode: code ?? null,
  });
}

/** The code of a system error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
