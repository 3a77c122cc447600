import type { Check, Violation } from "../check.js";
import type { RunRecord, Workspace } from "../record.js";
import { shortId, WORKSPACE_LABEL } from "../containers.js";
import { WORKSPACE_TAG } from "../view.js";

const RUNNING: readonly string[] = ["online", "degraded"];
const AT_REST: readonly string[] = ["paused", "hibernated", "failed", "removed"];

export const statuses: Check = {
  name: "statuses",
  invariant: "I4",
  promise: "When all has settled, each workspace's status is what its provider says",
  find: (record) =>
    record.sql.workspaces
      .filter(({ backend }) => backend !== "external")
      .flatMap((workspace): Violation[] => {
        const what = contradiction(record, workspace);
        return what === null
          ? []
          : [{ workspace: workspace.id, at: null, what: `it is ${workspace.status}, and ${what}` }];
      }),
};

function contradiction(
  record: RunRecord,
  { id, backend, status, instance_id, generation }: Workspace,
): string | null {
  const there =
    backend === "docker"
      ? record.docker.containers
          .filter(({ labels }) => labels[WORKSPACE_LABEL] === id)
          .map((one) => ({
            runs: one.state === "running" && one.id === instance_id,
            name: `${shortId(one.id)} is ${one.state}`,
          }))
      : backend === "ec2"
        ? record.provider.instances
            .filter(({ tags, state }) => tags[WORKSPACE_TAG] === id && state !== "terminated")
            .map((one) => ({
              runs: one.state === "running" && one.id === instance_id,
              name: `${one.id} is ${one.state}`,
            }))
        : record.processes.running
            .filter(({ workspace }) => workspace === id)
            .map((one) => ({
              runs: one.generation === generation,
              name: `generation ${one.generation} runs`,
            }));
  if (RUNNING.includes(status)) {
    if (there.length === 1 && there[0]!.runs) return null;
    return there.length === 0 ? "nothing of it runs" : there.map(({ name }) => name).join(" and ");
  }
  if (!AT_REST.includes(status)) return "that isn't the end of anything";
  if (there.length > 0) return there.map(({ name }) => name).join(" and ");
  return instance_id === null ? null : `it still has ${instance_id}`;
}
