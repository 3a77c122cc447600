import { randomUUID } from "node:crypto";
import { readFile, realpath, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { machineId } from "@berth/core/base/machine-id";
import { reasonOf, StartError } from "./start-error.js";

/** Where a data directory was when it was last used. A copy of the directory has a copy of this. */
interface Home {
  /** Of the directory and its copies. */
  id: string;
  path: string;
  /** As text: it may be larger than what a number holds. */
  inode: string;
  machine: string;
}

const FILE = "home.json";
const BOTH = "two Berths with one database's contents would look after the same things";

/**
 * Tells a data directory from a copy of it, since both have one installation's id and would end what the other makes.
 * @returns what can't be told for certain, in a sentence for the operator; null: it is where it was, or was moved.
 * @param asNew it is to be one of its own, whatever it was made of
 * @throws StartError if it is a copy and the original is there.
 */
export async function lookHome(directory: string, { asNew }: { asNew: boolean }): Promise<string | null> {
  const path = await realpath(directory);
  const { ino } = await stat(path, { bigint: true });
  const before = asNew ? null : await readHome(path);
  const now: Home = {
    id: before?.id ?? randomUUID(),
    path,
    inode: String(ino),
    machine: await machineId(),
  };
  if (before === null) return await writeHome(now);
  const moved = before.path !== path;
  if (moved && before.machine === now.machine && (await isOriginal(before)))
    throw new StartError(
      `the data directory ${path} is a copy of ${before.path}, which is still there, and ${BOTH}: start that one, or ` +
        `move it away if this one is to take its place, or give this one an id of its own with --new-installation`,
    );
  const told =
    before.machine !== now.machine
      ? `the data directory ${path} was last used on another machine`
      : before.inode === now.inode
        ? null
        : `the data directory ${path} is a copy or was restored (it was ${before.path})`;
  await writeHome(now);
  return told === null ? null : `${told}: make sure that the original doesn't run, since ${BOTH}`;
}

/** True if what the copy was made of is still where it was. */
async function isOriginal({ id, path, inode }: Home): Promise<boolean> {
  const there = await stat(path, { bigint: true }).catch(() => null);
  return there !== null && String(there.ino) === inode && (await readHome(path))?.id === id;
}

async function readHome(directory: string): Promise<Home | null> {
  const text = await readFile(join(directory, FILE), "utf8").catch(() => null);
  try {
    return text === null ? null : (JSON.parse(text) as Home);
  } catch {
    return null;
  }
}

/** It appears whole. */
async function writeHome(home: Home): Promise<null> {
  const file = join(home.path, FILE);
  try {
    await writeFile(`${file}.partial`, `${JSON.stringify(home)}\n`, { mode: 0o600 });
    await rename(`${file}.partial`, file);
    return null;
  } catch (error) {
    throw new StartError(`${file} can't be written (${reasonOf(error)})`, error);
  }
}
