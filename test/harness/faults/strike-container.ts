import type { Fleet } from "../fleet/fleet.js";

/** Ends a container behind Berth's back: its processes, or all of it. Null if none runs, or the daemon doesn't. */
export async function strikeContainer(
  { docker }: Fleet,
  how: "container" | "remove",
  pick: number,
): Promise<{ instance: string; workspace: string } | null> {
  if (docker === null) return null;
  try {
    const format = '{{.ID}} {{.Label "berth.workspace"}}';
    const lines = await docker.cli(
      "ps",
      "--no-trunc",
      "--filter",
      "label=berth.deployment",
      "--format",
      format,
    );
    const running = lines.split("\n").filter((line) => line !== "");
    const [instance, workspace] = running[Math.floor(pick * running.length)]?.split(" ") ?? [];
    if (instance === undefined || workspace === undefined) return null;
    const strike = how === "container" ? ["kill", instance] : ["rm", "--force", instance];
    // Without an answer, when the daemon is killed meanwhile, it may have been done all the same.
    await docker.cli(...strike).catch(() => undefined);
    return { instance, workspace };
  } catch {
    return null;
  }
}

/** Removes all volumes that no container has, as `docker volume prune` does. Their names; none while the daemon is down. */
export async function prune({ docker }: Fleet): Promise<string[]> {
  if (docker === null) return [];
  try {
    const names = await docker.cli("volume", "ls", "--quiet", "--filter", "dangling=true");
    const removed = names
      .split("\n")
      .filter((name) => name !== "")
      // One may have got its container meanwhile.
      .map((name) =>
        docker.cli("volume", "rm", name).then(
          () => name,
          () => null,
        ),
      );
    // Notes (docs/adr/0015) go with them, and are left again: nobody's data.
    return (await Promise.all(removed)).flatMap((name) =>
      name?.startsWith("berth-note-") ? [] : (name ?? []),
    );
  } catch {
    return [];
  }
}
