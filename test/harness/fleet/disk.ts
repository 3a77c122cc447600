import { execFile } from "node:child_process";
import { mkdir, statfs } from "node:fs/promises";
import { promisify } from "node:util";

const exec = promisify(execFile);

/** More than a run writes; memory is taken only for what is written. */
const SIZE = "8g";

/** A disk of one's own, in memory, that can be made full. Needs Linux and root. */
export interface Disk {
  /** From now on there is no room for another byte. */
  fill(): Promise<void>;
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** Mounts it at `path`, which is made. */
export async function mountDisk(path: string): Promise<Disk> {
  await mkdir(path, { recursive: true });
  await exec("mount", ["-t", "tmpfs", "-o", `size=${SIZE},mode=0711`, "tmpfs", path]);
  const resize = (size: string) => exec("mount", ["-o", `remount,size=${size}`, path]);
  return {
    async fill() {
      for (let attempt = 1; ; attempt++) {
        const { blocks, bfree, bsize } = await statfs(path);
        try {
          return void (await resize(String((blocks - bfree) * bsize)));
        } catch (error) {
          // Written to meanwhile: it can't be smaller than what is on it.
          if (attempt === 20) throw error;
        }
      }
    },
    clear: async () => void (await resize(SIZE)),
    close: async () => void (await exec("umount", ["--lazy", path])),
  };
}
