import { expect, vi } from "vitest";
import { removeWorkspace } from "@berth/core/requests/delete";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { BY_TEST, newWorkspace, type Fleet } from "../support/fleet.js";
import { ended } from "../support/wait.js";
import { watchProvider } from "./audit.js";

export const KINDS = ["provision", "restart", "delete"] as const;
export type Kind = (typeof KINDS)[number];

/** Brings a watched fleet to the point where a workspace's next operation is of this kind; no worker runs. */
export async function about(fleet: Fleet, kind: Kind): Promise<{ id: string; request(): Promise<string> }> {
  await watchProvider(fleet.pool);
  const create = () => createWorkspace(fleet.context, newWorkspace(), BY_TEST);
  if (kind === "provision") {
    const { workspace, operation } = await create();
    return { id: workspace.id, request: async () => operation.id };
  }
  const worker = fleet.startWorker();
  const { workspace, operation } = await create();
  await ended(fleet.pool, [operation.id]);
  await worker.close();
  const { id } = workspace;
  return {
    id,
    async request() {
      if (kind === "restart") return (await requestRestart(fleet.context, id, BY_TEST)).operation.id;
      return (await removeWorkspace(fleet.context, id, { cascade: false, ...BY_TEST })).operation!.id;
    },
  };
}

/** A moment inside a provider's call. */
export interface Moment {
  call: "createVolume" | "launch" | "stop" | "removeVolume";
  effect: "before" | "after";
}

/** Waits until a call of this name is under way, and has, or hasn't yet, had its effect. */
export async function reached(fleet: Fleet, workspaceId: string, { call, effect }: Moment): Promise<void> {
  const kind = call.endsWith("Volume") ? "volume" : "instance";
  const makes = call === "createVolume" || call === "launch";
  await vi.waitUntil(
    async () => {
      const { rows } = await fleet.pool.query<{ there: boolean }>(
        `select exists (select from provider_things t where t.workspace_id = c.workspace_id and t.kind = $3
           and t.removed_at is null) as there
         from provider_calls c where c.workspace_id = $1 and c.call = $2 and c.ended_at is null`,
        [workspaceId, call, kind],
      );
      if (rows[0] === undefined) return false;
      const done = rows[0].there === makes;
      if (effect === "before") expect(done, "seen before its effect").toBe(false);
      return effect === "before" || done;
    },
    { interval: 10 },
  );
}
