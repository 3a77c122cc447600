import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const exec = promisify(execFile);

/** Daemons live in `sbin`, which a normal user's PATH leaves out. */
const SYSTEM_DIRECTORIES = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"];

/** Where an executable is, or null. */
export async function findCommand(name: string): Promise<string | null> {
  const directories = [...(process.env.PATH ?? "").split(delimiter), ...SYSTEM_DIRECTORIES];
  for (const directory of directories.filter((entry) => entry !== "")) {
    const path = join(directory, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return null;
}

/**
 * Finds each command, after installing the Debian packages of those that are missing.
 * @throws with one line that says what to do, where that can't be done.
 */
export async function ensureCommands<Name extends string>(
  packages: Readonly<Record<Name, string>>,
): Promise<Record<Name, string>> {
  const names = Object.keys(packages) as Name[];
  const missing: Name[] = [];
  for (const name of names) if ((await findCommand(name)) === null) missing.push(name);
  if (missing.length > 0)
    await install(
      missing,
      missing.map((name) => packages[name]),
    );
  const found = {} as Record<Name, string>;
  for (const name of names) {
    const path = await findCommand(name);
    if (path === null) throw new Error(`${packages[name]} is installed and \`${name}\` isn't there`);
    found[name] = path;
  }
  return found;
}

async function install(missing: readonly string[], packages: readonly string[]): Promise<void> {
  const need = `these tests need ${missing.join(", ")} (Debian packages: ${packages.join(", ")})`;
  const apt = await findCommand("apt-get");
  if (apt === null) throw new Error(`${need}; install them, there is no apt-get to do it with`);
  if (process.getuid?.() !== 0) throw new Error(`${need}; install them as root`);
  const run = (...args: string[]) =>
    exec(apt, ["-q", "-y", "-o", "DPkg::Lock::Timeout=120", ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      maxBuffer: 64 * 2 ** 20,
    });
  const tryInstall = () => run("install", "--no-install-recommends", ...packages);
  try {
    // Package lists may be absent or old; a machine with good ones is spared the update.
    await tryInstall().catch(async () => {
      await run("update");
      await tryInstall();
    });
  } catch (error) {
    throw new Error(`${need}; apt-get could not install them`, { cause: error });
  }
}
