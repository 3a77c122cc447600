import { randomUUID } from "node:crypto";
import { access, link, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { machineId } from "../../base/machine-id.js";
import { codeOf, type Places, unreachable } from "./places.js";

const MARKER = "place";

/**
 * The machine, where it has an id, and a marker in the data directory: neither a directory that was wiped nor one
 * that another machine mounts or was given a copy of answers for the processes of this one (I12). Containers and
 * macOS have no id of the machine that outlives a restart: there the marker is all.
 * @returns null without a marker. @throws BackendError
 */
export async function identifyMachine(places: Places): Promise<string | null> {
  await access(places.root).catch((error: unknown) => {
    throw unreachable("look at the data directory", error);
  });
  const marker = await read(join(places.root, MARKER));
  return marker === null ? null : `process:${await machineId()}:${marker}`;
}

/** The marker appears whole, by a hard link that one of any number of processes can make. @throws BackendError */
export async function markMachine(places: Places): Promise<string> {
  const file = join(places.root, MARKER);
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, `${randomUUID()}\n`, { mode: 0o600 });
    await link(draft, file);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw unreachable("mark the data directory", error);
  } finally {
    await rm(draft, { force: true });
  }
  const identity = await identifyMachine(places);
  if (identity === null) throw unreachable("mark the data directory", new Error(`${file} is empty`));
  return identity;
}

/** Null if it isn't there, or is empty. */
async function read(file: string): Promise<string | null> {
  try {
    return (await readFile(file, "utf8")).trim() || null;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw unreachable("read who this place is", error);
  }
}
