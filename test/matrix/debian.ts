import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";

const exec = promisify(execFile);
const ARCHIVE = "http://deb.debian.org/debian";
const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";
const LIBRARIES = "usr/lib/x86_64-linux-gnu";

/** Packages of another release of Debian, unpacked into a directory that goes with the test: nothing is installed. */
export async function unpacked(release: string, packages: readonly string[]): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `${release}-`));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const [lists, cache, root] = ["lists", "cache", "root"].map((name) => join(directory, name));
  for (const path of [join(lists!, "partial"), join(cache!, "archives/partial"), root!])
    await mkdir(path, { recursive: true });
  const sources = join(directory, "sources.list");
  await writeFile(sources, `deb [signed-by=${KEYS}] ${ARCHIVE} ${release} main\n`);
  const settings = {
    "Dir::Etc::sourcelist": sources,
    "Dir::Etc::sourceparts": "-",
    "Dir::State::lists": lists!,
    "Dir::Cache": cache!,
    "APT::Sandbox::User": "root",
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  await exec("apt-get", [...options, "-q", "update"]);
  await exec("apt-get", [...options, "-q", "download", ...packages], { cwd: cache! });
  for (const file of (await readdir(cache!)).filter((name) => name.endsWith(".deb")))
    await exec("dpkg-deb", ["-x", join(cache!, file), root!]);
  return root!;
}

/**
 * A program of an unpacked release as a command: with its own C library and its own loader, since this machine's may be
 * older than it. @param name what it is to be called as, where one program is several
 */
export async function commandOf(root: string, program: string, name: string): Promise<string> {
  const command = join(root, name);
  const loader = join(root, LIBRARIES, "ld-linux-x86-64.so.2");
  const libraries = join(root, LIBRARIES);
  const call = `exec ${loader} --library-path ${libraries} --argv0 ${name} ${join(root, program)} "$@"`;
  await writeFile(command, `#!/bin/sh\n${call}\n`);
  await chmod(command, 0o755);
  return command;
}
