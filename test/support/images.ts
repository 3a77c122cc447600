import { copyFile, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { execFile, spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { ensureCommands } from "./apt.js";

const exec = promisify(execFile);

/** All of busybox's commands, statically linked; runs `sleep` unless told otherwise. About 2 MB. */
export const BUSYBOX_IMAGE = "berth-test/busybox:latest";

/** Makes the images that tests use, without any registry. */
export async function importTestImages(socketPath: string): Promise<void> {
  await importBusybox(socketPath, BUSYBOX_IMAGE);
}

/**
 * Makes an image of busybox under another name; `changes` are lines of a Dockerfile, such as `VOLUME /x`, and `files`
 * are further ones of this machine, by their paths in the image.
 */
export async function importBusybox(
  socketPath: string,
  image: string,
  changes: readonly string[] = [],
  files: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { busybox } = await ensureCommands({ busybox: "busybox-static" });
  const directory = await mkdtemp(join(tmpdir(), "image-"));
  try {
    for (const name of ["bin", "tmp", "etc", "proc", "dev", "sys"]) await mkdir(join(directory, name));
    await copyFile(busybox, join(directory, "bin", "busybox"));
    const { stdout } = await exec(busybox, ["--list"]);
    const commands = stdout.split("\n").map((path) => basename(path));
    for (const command of commands.filter((one) => one !== "" && one !== "busybox"))
      await symlink("busybox", join(directory, "bin", command));
    for (const [path, file] of Object.entries(files)) {
      const target = join(directory, path);
      await mkdir(dirname(target), { recursive: true });
      // In place of the link to busybox, not of busybox itself.
      await rm(target, { force: true });
      await copyFile(file, target);
    }
    await importDirectory(socketPath, directory, image, ['CMD ["sleep", "2147483647"]', ...changes]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function importDirectory(
  socketPath: string,
  directory: string,
  image: string,
  changes: readonly string[],
): Promise<void> {
  const tar = spawn("tar", ["-C", directory, "-c", "."], { stdio: ["ignore", "pipe", "inherit"] });
  const options = changes.flatMap((change) => ["--change", change]);
  const load = spawn("docker", ["--host", `unix://${socketPath}`, "import", ...options, "-", image], {
    stdio: [tar.stdout, "ignore", "inherit"],
  });
  // Ours as well: a reader that we keep open would never see the end.
  tar.stdout.destroy();
  const code = await new Promise<number | null>((resolve, reject) => {
    load.on("error", reject);
    load.on("exit", resolve);
  });
  if (code !== 0) throw new Error(`docker import of ${image} ended with ${code}`);
}
