import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { mountDisk } from "./fleet/disk.js";

test.runIf(process.getuid?.() === 0)(
  "a full disk takes not another byte, and does again once it is cleared",
  async () => {
    const path = await mkdtemp(join(tmpdir(), "disk-"));
    onTestFinished(() => rm(path, { recursive: true }));
    const disk = await mountDisk(path);
    onTestFinished(disk.close);
    const file = join(path, "file");
    await writeFile(file, "before");
    await disk.fill();
    const more = () => appendFile(file, Buffer.alloc(1 << 16));
    await expect(more()).rejects.toMatchObject({ code: "ENOSPC" });
    await disk.clear();
    await more();
  },
);
