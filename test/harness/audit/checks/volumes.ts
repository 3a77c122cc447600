import type { Check, Violation } from "../check.js";
import { askedOf, containerLives, shortId, TOLD_LATE_MS, workspaceOf } from "../containers.js";
import { lostContainers } from "../lost.js";
import type { RunRecord } from "../record.js";
import { byWorkspace, instanceLives, WORKSPACE_TAG } from "../view.js";

export const volumes: Check = {
  name: "volumes",
  invariant: "I8",
  promise:
    "No volume is taken away, or asked to be, before each instance of its workspace is gone, and none loses its data",
  find(record) {
    const lives = byWorkspace(instanceLives(record), (life) => life.workspace);
    const owner = new Map(record.provider.made.map(({ id, tags }) => [id, tags[WORKSPACE_TAG] ?? ""]));
    const found: Violation[] = [];
    for (const { action, at, params } of record.provider.calls) {
      if (action !== "DeleteVolume" && action !== "DetachVolume") continue;
      const workspace = owner.get(params["VolumeId"] ?? "") ?? "";
      const alive = lives.get(workspace)?.find((life) => life.madeAt <= at && (life.goneAt ?? Infinity) > at);
      if (alive !== undefined)
        found.push({
          workspace,
          at,
          what: `${action} of ${params["VolumeId"]} while ${alive.id} wasn't gone`,
        });
    }
    const lost = new Set(lostContainers(record).map(({ id }) => id));
    for (const { what, workspace, at, generation, resource } of record.agents)
      if (what === "homeless" && !lost.has(resource))
        found.push({
          workspace,
          at,
          what: `its directory was removed while the process of generation ${generation} ran`,
        });
    return [...found, ...underContainers(record), ...emptied(record), ...madeAnew(record)];
  },
};

/** A volume that the daemon was asked to remove before it was asked to remove each container, and they were gone. */
function underContainers(record: RunRecord): Violation[] {
  const lives = containerLives(record);
  const asked = askedOf(record);
  return asked.flatMap(({ what, target, at }) => {
    if (what !== "remove") return [];
    const alive = lives.find(({ id, workspace, madeAt, goneAt }) => {
      const still = (goneAt ?? Infinity) - at;
      if (workspace !== workspaceOf(target) || madeAt > at || still <= 0) return false;
      return still > TOLD_LATE_MS || !asked.some((one) => one.target === id && one.at <= at);
    });
    if (alive === undefined) return [];
    const { workspace } = alive;
    return [{ workspace, at, what: `volume ${target} was to go while ${shortId(alive.id)} wasn't gone` }];
  });
}

/** Each container writes into its volume that it has started, before it says so. */
function emptied({ agents, sql }: RunRecord): Violation[] {
  const ours = new Set(sql.workspaces.flatMap(({ id, backend }) => (backend === "docker" ? id : [])));
  const starts = agents.filter(({ what, workspace }) => what === "start" && ours.has(workspace));
  return [...byWorkspace(starts, (line) => line.workspace)].flatMap(([workspace, all]) =>
    all
      .toSorted((a, b) => a.at - b.at)
      .flatMap(({ generation, status, at }, before): Violation[] => {
        if (status >= before) return [];
        const what = `the container of generation ${generation} found the traces of ${status} in its volume, where ${before} had been`;
        return [{ workspace, at, what }];
      }),
  );
}

/** A volume that a container has run with, was removed behind Berth's back, and is made once more. */
function madeAnew({ docker, faults, agents }: RunRecord): Violation[] {
  return faults.flatMap(({ pruned = [], at: from, until }) =>
    pruned.flatMap((name): Violation[] => {
      const workspace = workspaceOf(name);
      const used = agents.some((one) => one.workspace === workspace && one.what === "start" && one.at < from);
      const again = docker.events.find(
        (one) => one.type === "volume" && one.id === name && one.action === "create" && one.at > until,
      );
      if (!used || again === undefined) return [];
      const what = `volume ${name} was made anew, which had been removed with its data and not by Berth`;
      return [{ workspace, at: again.at, what }];
    }),
  );
}
