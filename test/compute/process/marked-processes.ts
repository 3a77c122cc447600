import { readdirSync, readFileSync } from "node:fs";
import type { InstanceRef } from "@berth/core/compute/backend";

/** The pids of what runs (no zombies) with an instance's marker in its environment, by the kernel's word. */
export function markedProcesses({ workspaceId, generation }: InstanceRef): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const environ = read(`/proc/${pid}/environ`).split("\0");
      const marker = environ.find((entry) => entry.startsWith("BERTH_INSTANCE="));
      return (
        marker?.includes(`/${workspaceId}/${generation}/`) && !read(`/proc/${pid}/stat`).includes(") Z ")
      );
    })
    .map(Number);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
