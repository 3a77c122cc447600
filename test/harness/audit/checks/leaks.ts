import type { Check, Violation } from "../check.js";
import { RESOURCE_LABEL, shortId, WORKSPACE_LABEL, workspaceOf } from "../containers.js";
import { RESOURCE_TAG, WORKSPACE_TAG } from "../view.js";

export const leaks: Check = {
  name: "leaks",
  invariant: "I4, I7",
  promise: "Whatever was made is owned by a workspace that lives, or is gone, and the ledger owes nothing",
  find({ sql, provider, processes, docker }) {
    const found: Violation[] = [];
    const live = new Map(
      sql.workspaces.filter(({ status }) => status !== "removed").map((one) => [one.id, one]),
    );
    const report = (workspace: string, what: string) => found.push({ workspace, at: null, what });
    for (const { id, state, tags } of provider.instances) {
      if (state === "terminated") continue;
      const owner = live.get(tags[WORKSPACE_TAG] ?? "");
      if (owner?.instance_id !== id)
        report(
          tags[WORKSPACE_TAG] ?? "",
          `${id} is ${state}, and ${owner === undefined ? "no workspace lives that has it" : `its workspace has ${owner.instance_id}`}`,
        );
    }
    const owned = new Set(
      sql.resources.filter(({ state }) => state === "present").map((one) => one.provider_id),
    );
    // What a launch that failed may have made of its volume, the next one finds.
    const intended = new Set(
      sql.resources
        .filter(
          ({ kind, state, workspace_id }) =>
            kind === "volume" && state === "intended" && live.has(workspace_id),
        )
        .map(({ id }) => id),
    );
    for (const { id, state, tags } of provider.volumes) {
      // The disk of an instance goes with it.
      if (tags["berth:role"] === "root") continue;
      if (!live.has(tags[WORKSPACE_TAG] ?? "") || !(owned.has(id) || intended.has(tags[RESOURCE_TAG] ?? "")))
        report(tags[WORKSPACE_TAG] ?? "", `${id} is ${state}, and no workspace that lives has it`);
    }
    for (const name of provider.names) {
      const id = /ws-([0-9a-f-]{36})\./.exec(name)?.[1] ?? "";
      if (!live.has(id)) report(id, `the name ${name} is left`);
    }
    for (const { pid, workspace, generation } of processes.running)
      if (live.get(workspace)?.generation !== generation || live.get(workspace)?.instance_id === null)
        report(
          workspace,
          `process ${pid} of generation ${generation} runs, and its workspace doesn't have it`,
        );
    for (const workspace of processes.volumes)
      if (!live.has(workspace)) report(workspace, "its directory is left, and the workspace doesn't live");
    for (const { id, state, labels } of docker.containers) {
      const workspace = labels[WORKSPACE_LABEL] ?? "";
      const owner = live.get(workspace);
      if (owner?.instance_id !== id)
        report(
          workspace,
          `${shortId(id)} is ${state}, and ${owner === undefined ? "no workspace lives that has it" : `its workspace has ${owner.instance_id}`}`,
        );
    }
    for (const { name, labels } of docker.volumes)
      if (
        !live.has(labels[WORKSPACE_LABEL] ?? "") ||
        !(owned.has(name) || intended.has(labels[RESOURCE_LABEL] ?? ""))
      )
        report(workspaceOf(name), `volume ${name} is left, and no workspace that lives has it`);
    for (const { id, workspace_id, kind, state, provider_id } of sql.resources)
      if (state === "releasing" || (state === "intended" && !intended.has(id)))
        report(workspace_id, `the ledger has a ${kind} ${provider_id ?? ""} that is ${state}`);
      else if (state === "present" && !live.has(workspace_id))
        report(
          workspace_id,
          `the ledger has a ${kind} ${provider_id ?? ""} of a workspace that doesn't live`,
        );
    return found;
  },
};
