import { randomBytes } from "node:crypto";
import { access, constants, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { lock } from "proper-lockfile";
import { reasonOf, StartError } from "./start-error.js";

/** A lock of a process that was killed counts for nothing after this. */
const STALE_MS = 5_000;

export interface DataDirectory {
  path: string;
  adminKey: string;
  secret: string;
  release(): Promise<void>;
}

/**
 * Makes the directory if it is missing, takes it for this process alone, and reads its keys, which are made
 * at the first start.
 * @param onLost called if the lock was taken away (another machine's clock, somebody's `rm`).
 * @throws StartError if it is in use or can't be written.
 */
export async function openDataDirectory(
  path: string,
  onLost: (error: Error) => void,
): Promise<DataDirectory> {
  try {
    // Others may pass, since PostgreSQL runs as another user when we are root; the files are closed.
    await mkdir(path, { recursive: true, mode: 0o711 });
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new StartError(
      `the data directory ${path} can't be written (${reasonOf(error)}): set BERTH_DATA_DIR`,
      error,
    );
  }
  const release = await acquire(path, onLost);
  try {
    return { path, ...(await keptKeys(join(path, "keys.env"))), release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function acquire(path: string, onLost: (error: Error) => void): Promise<() => Promise<void>> {
  const holderFile = join(path, "lock.pid");
  const lockfilePath = join(path, "lock");
  const patience = performance.now() + STALE_MS + 2_000;
  for (;;) {
    try {
      const release = await lock(path, {
        lockfilePath,
        stale: STALE_MS,
        update: 1_000,
        onCompromised: onLost,
      });
      await writeFile(holderFile, String(process.pid));
      return release;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ELOCKED") {
        throw new StartError(`the data directory ${path} can't be locked (${reasonOf(error)})`, error);
      }
      const holder = Number(await readFile(holderFile, "utf8").catch(() => ""));
      // The lock of a dead process is waited for and not removed: two who remove it at once both believe
      // that they hold it.
      if (isAnother(holder) || performance.now() > patience) {
        throw new StartError(
          `the data directory ${path} is in use by process ${holder}: stop it, or set BERTH_DATA_DIR`,
        );
      }
      await sleep(100);
    }
  }
}

/** Beside the keys, so that the command `berth` finds the Berth of this directory whatever its port is. */
export async function noteAddress(path: string, url: string): Promise<void> {
  await writeFile(join(path, "url"), `${url}\n`);
}

/** True if it is alive and not ourselves: in a container each start may have the same pid. */
function isAnother(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The keys as lines of an environment file, so that a shell can read them as well. */
async function keptKeys(path: string): Promise<{ adminKey: string; secret: string }> {
  const kept = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw new StartError(`${path} can't be read (${reasonOf(error)})`, error);
  });
  if (kept !== null) {
    const adminKey = /^BERTH_ADMIN_KEY=(\S{16,})$/m.exec(kept)?.[1];
    const secret = /^BERTH_SECRET=(\S{32,})$/m.exec(kept)?.[1];
    if (adminKey && secret) return { adminKey, secret };
    throw new StartError(
      `${path} doesn't hold BERTH_ADMIN_KEY and BERTH_SECRET: mend it, or remove it for new keys`,
    );
  }
  const adminKey = `berth_${randomBytes(24).toString("base64url")}`;
  const secret = randomBytes(32).toString("base64url");
  await writeFile(`${path}.partial`, `BERTH_ADMIN_KEY=${adminKey}\nBERTH_SECRET=${secret}\n`, {
    mode: 0o600,
  });
  await rename(`${path}.partial`, path);
  return { adminKey, secret };
}
