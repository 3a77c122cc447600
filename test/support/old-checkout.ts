import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const exec = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Where npm links this repository's own packages. */
const OWN = new Set(["@berth", "berth-ec2-simulator"]);

/** False in an archive or a shallow clone, which has no earlier commits; it says what to do then. */
export async function hasCommit(commit: string): Promise<boolean> {
  try {
    await exec("git", ["-C", ROOT, "cat-file", "-e", `${commit}^{commit}`]);
    return true;
  } catch {
    console.warn(`Upgrades aren't tested: commit ${commit} is not in this checkout. git fetch --unshallow`);
    return false;
  }
}

/** The sources of an earlier commit of this repository, on the dependencies of this checkout. */
export async function oldCheckout(commit: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "old-"));
  const archive = join(directory, "old.tar");
  await exec("git", ["-C", ROOT, "archive", "--output", archive, commit, "package.json", "apps", "packages"]);
  await exec("tar", ["-xf", archive, "-C", directory]);
  const modules = join(directory, "node_modules");
  await mkdir(join(modules, "@berth"), { recursive: true });
  for (const name of await readdir(join(ROOT, "node_modules")))
    if (!OWN.has(name)) await symlink(join(ROOT, "node_modules", name), join(modules, name));
  for (const folder of ["apps", "packages"])
    for (const name of await readdir(join(directory, folder))) {
      await symlink(join(directory, folder, name), join(modules, "@berth", name));
      // What npm couldn't put at the root, since something else wants another version.
      const own = join(ROOT, folder, name, "node_modules");
      if (existsSync(own)) await symlink(own, join(directory, folder, name, "node_modules"));
    }
  return directory;
}
