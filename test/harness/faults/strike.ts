import { readdir, readFile } from "node:fs/promises";
import type { FaultOf } from "./fault.js";
import { strikeContainer } from "./strike-container.js";
import type { Scene } from "./inflict.js";

/** Ends an instance behind Berth's back. Null if none runs. */
export async function strike(
  { fleet, agentsMark }: Scene,
  how: Exclude<FaultOf<"strike">["how"], "prune">,
  pick: number,
): Promise<{ instance: string; workspace?: string } | null> {
  if (how === "container" || how === "remove") return strikeContainer(fleet, how, pick);
  if (how === "process") {
    const agents = await runningAgents(agentsMark);
    const one = agents[Math.floor(pick * agents.length)];
    if (one === undefined) return null;
    try {
      process.kill(one.pid, "SIGKILL");
    } catch {
      return null;
    }
    return { instance: one.marker };
  }
  const state = (await (await fetch(`${fleet.simulatorUrl}/_sim/state`)).json()) as {
    instances: { id: string; state: string }[];
  };
  const running = state.instances.filter((one) => one.state === "running").map((one) => one.id);
  const id = running[Math.floor(pick * running.length)];
  if (id === undefined) return null;
  const answer = await fetch(`${fleet.simulatorUrl}/_sim/instances/${id}/${how}`, { method: "POST" });
  return answer.ok ? { instance: id } : null;
}

export interface RunningAgent {
  pid: number;
  workspace: string;
  generation: number;
  marker: string;
}

/** The workspaces that run as processes, by what their environment says. `mark` is in that of no other run. */
export async function runningAgents(mark: string): Promise<RunningAgent[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [environment, command, stat] = await Promise.all(
        ["environ", "cmdline", "stat"].map((file) =>
          readFile(`/proc/${pid}/${file}`, "latin1").catch(() => ""),
        ),
      );
      if (!environment!.includes(mark) || !command!.includes("agent.sh") || /\) [ZX]/.test(stat!)) return [];
      const values = new Map(environment!.split("\0").map((pair) => pair.split("=", 2) as [string, string]));
      const marker = values.get("BERTH_INSTANCE") ?? "";
      const workspace = values.get("BERTH_WORKSPACE_ID") ?? "";
      return [{ pid: Number(pid), workspace, generation: Number(values.get("BERTH_GENERATION")), marker }];
    }),
  );
  return found.flat();
}
