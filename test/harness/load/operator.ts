import { setTimeout as delay } from "node:timers/promises";
import type { FleetDocker } from "../fleet/docker.js";
import type { Fleet } from "../fleet/fleet.js";

const LOOK_EVERY_MS = 2_000;
/**
 * Agents that are silent together may be so because nobody can hear them. What the provider itself says needs nobody:
 * `instance-state` is never approved, however many a daemon's end takes along.
 */
const APPROVED = new Set(["liveness"]);

/**
 * What an operator does who knows that the daemon has died: lets those sweeps act that hold back, and removes the
 * volumes that it has left without their labels, which Berth only reports (docs/reliability.md).
 */
export async function operate({ apiUrls, adminKey, docker }: Fleet, signal: AbortSignal): Promise<void> {
  const ask = async (url: string, method: string) => {
    const answer = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${adminKey}` },
      signal: AbortSignal.timeout(5_000),
    });
    return (await answer.json()) as unknown;
  };
  for (let n = 0; !signal.aborted; n++) {
    const api = apiUrls[n % apiUrls.length]!;
    try {
      const sweeps = (await ask(`${api}/sweeps`, "GET")) as { name: string; held: object | null }[];
      for (const { name, held } of sweeps)
        if (held !== null && APPROVED.has(name)) await ask(`${api}/sweeps/${name}/approve`, "POST");
      if (docker !== null) await removeUnlabelled(docker);
    } catch {
      // Something is broken: it looks again.
    }
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function removeUnlabelled({ cli }: FleetDocker): Promise<void> {
  const lines = await cli("volume", "ls", "--format", '{{.Name}} {{.Label "berth.deployment"}}');
  for (const line of lines.split("\n")) {
    const [name = "", deployment = ""] = line.trim().split(" ");
    if (name.startsWith("ws-") && deployment === "") await cli("volume", "rm", name);
  }
}
