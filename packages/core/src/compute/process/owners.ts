import { randomUUID } from "node:crypto";
import { link, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { refusalOf } from "../../domain/owner.js";
import { BackendError } from "../backend-error.js";
import { codeOf, type Places, unreachable } from "./places.js";

/**
 * Which installation a workspace's volume and records are of: a file for each, beside them and not in them, where the
 * program could write. It is there before they are, whole, and never changes: of any number of installations that share a
 * data directory and a deployment's name one has made it.
 */
function ownerFile({ owners }: Places, workspaceId: string): string {
  return join(owners, `ws-${workspaceId}`);
}

/** Null: nobody's, or made before installations had ids. @throws BackendError */
export async function readOwner(places: Places, workspaceId: string): Promise<string | null> {
  try {
    return (await readFile(ownerFile(places, workspaceId), "utf8")).trim() || null;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw unreachable("read whose a workspace is", error);
  }
}

/** True if it is another installation's. @throws BackendError */
export async function isAnothers(places: Places, workspaceId: string): Promise<boolean> {
  const owner = await readOwner(places, workspaceId);
  return owner !== null && owner !== places.owner.installationId;
}

/** @throws BackendError `name_taken` if it is another installation's (I10) */
export async function insistOnOwnership(places: Places, workspaceId: string): Promise<void> {
  const owner = await readOwner(places, workspaceId);
  if (owner === null || owner === places.owner.installationId) return;
  throw new BackendError(
    "name_taken",
    "permanent",
    `what is there of workspace ${workspaceId} ${refusalOf(places.owner, owner)}`,
    { providerCode: "another_installation" },
  );
}

/** Makes it this installation's, unless it is somebody's already. @throws BackendError `name_taken` */
export async function takeOwnership(places: Places, workspaceId: string): Promise<void> {
  const file = ownerFile(places, workspaceId);
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, `${places.owner.installationId}\n`, { mode: 0o600 });
    await link(draft, file);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw unreachable("say whose a workspace is", error);
  } finally {
    await rm(draft, { force: true });
  }
  await insistOnOwnership(places, workspaceId);
}

/** Once nothing is left of the workspace. */
export async function giveUpOwnership(places: Places, workspaceId: string): Promise<void> {
  await rm(ownerFile(places, workspaceId), { force: true });
}
