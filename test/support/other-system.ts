import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { unpackFrom } from "./apt-unpack.js";

/**
 * Unpacks packages of another release of Debian, with all that they need, into a directory in which their programs can run with
 * libraries of their own: see {@link inSystem}. Nothing is set up there, as an installation would.
 * @throws where they can't be had
 */
export async function unpackSystem(
  release: string,
  packages: readonly string[],
  system: string,
): Promise<void> {
  await unpackFrom(release, packages, system, { withNeeds: true });
  // The package that makes these is in every system already, so nothing names it.
  for (const name of ["bin", "sbin", "lib", "lib64"]) await symlink(join("usr", name), join(system, name));
  for (const name of ["proc", "sys", "dev", "run", "tmp", "var/tmp", "root"])
    await mkdir(join(system, name), { recursive: true });
}

/**
 * Its mounts end with the last process that sees them. Not by `chroot`: the containers' namespaces would have this machine's root
 * then, which whatever joins one of them sees (Podman's `top` and `exec`).
 */
const ENTER = `set -e
system=$1 shared=$2
shift 2
mount --bind "$system" "$system"
for name in proc sys dev; do mount --rbind "/$name" "$system/$name"; done
mkdir -p "$system$shared"
mount --bind "$shared" "$system$shared"
cd "$system"
mkdir -p .machine
pivot_root . .machine
exec "$@"`;

/** What comes before a command that is to run in an unpacked system. The directory `shared` has the same path in it. */
export function inSystem(system: string, shared: string): string[] {
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "in-system", system, shared];
}
