import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ensureCommands } from "./apt.js";

const exec = promisify(execFile);

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * Unpacks packages of another release of Debian under `root`, from the mirror that this machine uses: nothing is installed.
 * @param options.withNeeds what they depend on as well, as if nothing were installed yet
 * @returns the directories of their programs, for a PATH
 * @throws where they can't be had
 */
export async function unpackFrom(
  suite: string,
  packages: readonly string[],
  root: string,
  { withNeeds = false }: { withNeeds?: boolean } = {},
): Promise<string[]> {
  const { "apt-get": apt } = await ensureCommands({ "apt-get": "apt", "dpkg-deb": "dpkg" });
  const { stdout: repositories } = await exec(apt, [
    "indextargets",
    "--format",
    "$(REPO_URI)",
    "Created-By: Packages",
  ]);
  const mirror = repositories.split("\n").find((url) => /\/debian\/?$/.test(url));
  if (mirror === undefined) throw new Error("this machine has no mirror of Debian in its sources");
  const state = join(root, "apt");
  for (const directory of ["lists/partial", "cache/archives/partial"])
    await mkdir(join(state, directory), { recursive: true });
  await writeFile(join(state, "status"), "");
  await writeFile(join(state, "sources.list"), `deb [signed-by=${KEYRING}] ${mirror} ${suite} main\n`);
  const settings = {
    "Dir::Etc::sourcelist": join(state, "sources.list"),
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::State::lists": join(state, "lists"),
    "Dir::State::status": join(state, "status"),
    "Dir::Cache": join(state, "cache"),
    "APT::Sandbox::User": "root",
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const run = (...args: string[]) =>
    exec(apt, ["-q", ...options, ...args], { cwd: state, maxBuffer: 2 ** 26 });
  await run("update");
  const simulated = withNeeds
    ? (await run("--simulate", "install", "--no-install-recommends", ...packages)).stdout
    : "";
  const needs = [...simulated.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name!);
  await run("download", ...new Set([...packages, ...needs]));
  const { stdout } = await exec(
    "sh",
    ["-c", `for deb in *.deb; do dpkg-deb -x "$deb" ${root}; done; rm -r ./*`],
    {
      cwd: state,
    },
  );
  if (stdout !== "") throw new Error(stdout);
  return ["usr/sbin", "usr/bin"].map((directory) => join(root, directory));
}
