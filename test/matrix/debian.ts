import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { unpackFrom } from "../support/apt-unpack.js";

const LIBRARIES = "usr/lib/x86_64-linux-gnu";

/** A directory for the files of another release of Debian, which goes with the test. */
export async function directoryFor(release: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `${release}-`));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Packages of another release of Debian, unpacked into a directory that goes with the test: nothing is installed. */
export async function unpacked(release: string, packages: readonly string[]): Promise<string> {
  const root = await directoryFor(release);
  await unpackFrom(release, packages, root);
  return root;
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
