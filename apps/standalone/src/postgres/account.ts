import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { promisify } from "node:util";

const exec = promisify(execFile);

/** The user that PostgreSQL runs as: it refuses root. Empty: as the user who runs Berth. */
export type Account = { uid: number; gid: number } | Record<string, never>;

/** All that a child of ours is given: nothing of it may depend on the caller's shell. */
export const CHILD_ENV = { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C", TZ: "UTC" };

/**
 * Whom to run PostgreSQL as. As root that is the owner of the cluster if there is one, else the system's
 * user `postgres`, which is made if it is missing.
 */
export async function accountFor(cluster: string): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  const owner = await stat(cluster).catch(() => null);
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const existing = (await lookUp("postgres")) ?? (await lookUp("_postgres"));
  if (existing) return existing;
  await exec("useradd", ["--system", "--user-group", "--no-create-home", "postgres"], {
    env: CHILD_ENV,
  }).catch(() => undefined);
  const made = await lookUp("postgres");
  if (made) return made;
  throw new Error(
    "PostgreSQL can't run as root, and a user \"postgres\" couldn't be made: run Berth as a normal user, or set DATABASE_URL",
  );
}

/** True if the account can enter the directory, whatever its ancestors' modes and ACLs are. */
export async function canEnter(account: Account, directory: string): Promise<boolean> {
  return exec("/bin/sh", ["-c", 'cd "$1"', "sh", directory], { ...account, cwd: "/", env: CHILD_ENV }).then(
    () => true,
    () => false,
  );
}

async function lookUp(name: string): Promise<Account | null> {
  try {
    const [uid, gid] = await Promise.all(
      ["-u", "-g"].map((flag) => exec("id", [flag, name], { env: CHILD_ENV }).then((r) => Number(r.stdout))),
    );
    return uid === undefined || gid === undefined ? null : { uid, gid };
  } catch {
    return null;
  }
}
