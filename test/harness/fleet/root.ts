/**
 * Why a run goes without what needs Linux and root, in words: the backend `docker` on a daemon of its own, disks that
 * can be full, clocks that can be wrong. Null: it has them.
 */
export function noRoot(): string | null {
  if (process.platform !== "linux") return "they need Linux";
  return process.getuid?.() === 0 ? null : "they need root";
}

export const WITHOUT_ROOT = "the backend docker, full disks and wrong clocks";
