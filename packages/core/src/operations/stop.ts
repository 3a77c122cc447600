import { setTimeout as delay } from "node:timers/promises";
import type { InstanceState } from "../compute/backend.js";
import { BackendError } from "../compute/backend-error.js";
import { insertEvents } from "../db/events.js";
import {
  markGone,
  markReleasing,
  noteStopping,
  type OpenResource,
  type ResourceKind,
} from "../db/resources.js";
import { clearInstance } from "../db/workspaces.js";
import { WaitingError } from "../gate/verdict.js";
import { awaitProvider } from "./patience.js";
import { instanceRef, volumeRef } from "../db/refs.js";
import { callOf, requireHere, type HeldContext, type StepContext } from "./step.js";

const PROBE_PACE = { firstMs: 100, longestMs: 2_000 };

/** Stops whatever instance the ledger knows of, until it is proven gone (I4). The volume stays. */
export const stopInstance = {
  name: "stop",
  writesFirst: true,
  async run(context: HeldContext): Promise<void> {
    const rows = await open(context, "instance");
    if (rows.some(isKept)) {
      await context.fenced((tx) => markReleasing(tx, [context.workspaceId], ["instance"]));
      for (const row of rows) row.state = "releasing";
    } else await context.flush();
    for (const row of rows) {
      await untilGone(context, row);
      context.ledger.gone(row);
      await context.later(async (tx) => {
        await markGone(tx, row.id);
        await clearInstance(tx, context.workspaceId);
        await insertEvents(tx, [
          {
            event_type: "workspace.instance.gone",
            workspace_id: context.workspaceId,
            operation_id: context.operationId,
            payload: {
              instance_id: row.provider_id,
              generation: row.generation,
              provider_reason: context.backend.reasonOf?.(instanceRef(row)) ?? null,
            },
          },
        ]);
      });
    }
  },
};

/**
 * Stops what a restart replaces. What an earlier attempt of this same restart has launched since is no part
 * of that: stopping it too would restart the workspace twice.
 */
export const stopFormer = {
  name: "stop",
  writesFirst: true,
  async run(context: StepContext): Promise<void> {
    const [row] = await open(context, "instance");
    if (row?.generation === context.operation.generation && row?.state !== "releasing") return;
    await stopInstance.run(context);
  },
};

/**
 * What a delete begins with: an operation that ran when it was accepted may have written further rows since, until
 * it learned of that.
 */
export const releaseAll = {
  name: "release",
  writesFirst: true,
  async run(context: HeldContext): Promise<void> {
    const rows = await context.ledger.open();
    if (!rows.some(isKept)) return;
    await context.fenced((tx) => markReleasing(tx, [context.workspaceId]));
    context.ledger.forget();
  },
};

/** Removes a volume that is to go. Runs after {@link stopInstance}: nothing can hold it any more (I8). */
export const removeVolume = {
  name: "volume",
  async run(context: HeldContext): Promise<void> {
    for (const row of await open(context, "volume")) {
      if (row.state !== "releasing") continue;
      context.check();
      await settled(context, row);
      const answer = await context.backend.removeVolume(volumeRef(row), callOf(context));
      if (answer === "in_use")
        throw new BackendError("backend_failed", "transient", `volume ${row.name} is still in use`, {
          providerCode: "in_use",
        });
      context.ledger.gone(row);
      await context.later((tx) => markGone(tx, row.id));
    }
  },
};

/** Removes the name, where it has one. */
export const removeName = {
  name: "dns",
  async run(context: HeldContext): Promise<void> {
    for (const row of await open(context, "dns_record")) {
      if (row.state !== "releasing") continue;
      context.check();
      if (context.backend.dns === undefined)
        throw new BackendError(
          "backend_failed",
          "transient",
          `record ${row.name} is to go, and no zone is configured`,
        );
      await context.backend.dns.remove(volumeRef(row), callOf(context));
      context.ledger.gone(row);
      await context.later((tx) => markGone(tx, row.id));
    }
  },
};

/** Asks for the end of one instance until the provider says that it is gone. @throws BackendError, WaitingError */
export async function untilGone(context: HeldContext, row: OpenResource): Promise<void> {
  const ref = instanceRef(row);
  const limitMs = context.limits.stopTimeoutMs;
  let last: InstanceState = "unknown";
  await settled(context, row);
  await awaitProvider(
    context,
    {
      waitsFor: "stop",
      limitMs,
      pace: PROBE_PACE,
      timedOut: () =>
        new BackendError(
          "backend_timeout",
          "transient",
          `instance ${row.provider_id ?? row.name} was asked to stop and is still ${last} after ` +
            `${Math.round(limitMs / 1000)} s`,
        ),
    },
    async () => {
      if ((await context.backend.stop(ref, callOf(context))) === "gone") return true;
      context.check();
      if (row.details["stopping"] !== true) {
        await context.fenced((tx) => noteStopping(tx, row.id));
        row.details["stopping"] = true;
      }
      last = (await context.backend.probe([ref], callOf(context))).get(ref.resourceId) ?? "unknown";
      return last === "gone" ? true : null;
    },
  );
}

/**
 * Waits until nothing can appear any more from a call whose answer never came: only then is an absence
 * proof (I4). At once for a thing whose provider id is known.
 */
async function settled(context: HeldContext, row: OpenResource): Promise<void> {
  if (row.provider_id !== null || row.asked_ms_ago === null) return;
  const rest = context.backend.settleMs - row.asked_ms_ago;
  if (rest <= 0) return;
  if (context.patience !== null && rest > context.patience.heldMs)
    throw new WaitingError(`whether ${row.kind} ${row.name} appears`, Math.ceil(rest));
  await delay(rest, undefined, { signal: context.signal });
}

/** Nobody has said of it yet that it is to go. */
function isKept({ state }: OpenResource): boolean {
  return state !== "releasing";
}

async function open(context: HeldContext, kind: ResourceKind): Promise<OpenResource[]> {
  const rows = await context.ledger.openSince();
  return rows.filter((row) => row.kind === kind).map((row) => requireHere(context, row));
}
