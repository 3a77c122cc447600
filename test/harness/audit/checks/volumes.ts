import type { Check, Violation } from "../check.js";
import { byWorkspace, instanceLives, WORKSPACE_TAG } from "../view.js";

export const volumes: Check = {
  name: "volumes",
  invariant: "I8",
  promise: "No volume is taken away, or asked to be, before each instance of its workspace is gone",
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
    for (const { what, workspace, at, generation } of record.agents)
      if (what === "homeless")
        found.push({
          workspace,
          at,
          what: `its directory was removed while the process of generation ${generation} ran`,
        });
    return found;
  },
};
