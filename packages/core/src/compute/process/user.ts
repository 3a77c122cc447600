import { accessSync, constants } from "node:fs";
import { chmod, chown, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Places, unreachable } from "./places.js";

/** Whom programs run as, instead of as Berth's own user. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
}

/** Of util-linux: becomes another user and then the program, with the same pid. */
const SETPRIV = "/usr/bin/setpriv";
const OTHERS_ENTER = 0o001;

/** @throws Error where programs can't be run as another user */
export function requireUser(user: ProcessUser | undefined): void {
  if (user === undefined) return;
  if (process.getuid?.() !== 0)
    throw new Error("BERTH_PROCESS_USER: only root can run programs as another user, and Berth isn't root");
  try {
    accessSync(SETPRIV, constants.X_OK);
  } catch {
    throw new Error(`BERTH_PROCESS_USER: ${SETPRIV} isn't there (it is of the package util-linux)`);
  }
}

/** The program as that user, without groups of Berth's, capabilities, or a way to get any by a setuid program. */
export function commandAs(user: ProcessUser | undefined, command: readonly string[]): string[] {
  if (user === undefined) return [...command];
  const drop = ["--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"];
  return [SETPRIV, `--reuid=${user.uid}`, `--regid=${user.gid}`, ...drop, "--", ...command];
}

/** Gives the volume to that user, and lets the user come to it; what else is there stays Berth's alone. @throws BackendError */
export async function giveVolume({ root, volumes }: Places, name: string, user: ProcessUser): Promise<void> {
  try {
    for (const directory of [dirname(root), root, volumes]) await chmod(directory, 0o711);
    await chown(join(volumes, name), user.uid, user.gid);
  } catch (error) {
    throw unreachable("give a volume to its user", error);
  }
}

/** The directories above the volumes that only Berth may enter, so that programs couldn't name their own files. */
export async function closedAbove({ root }: Places): Promise<string[]> {
  const closed: string[] = [];
  for (let path = dirname(dirname(root)); path !== dirname(path); path = dirname(path)) {
    const { mode } = await stat(path).catch((error: unknown) => {
      throw unreachable("look at the data directory", error);
    });
    if ((mode & OTHERS_ENTER) === 0) closed.push(path);
  }
  return closed;
}
