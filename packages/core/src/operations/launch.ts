import { createHash } from "node:crypto";
import { BackendError } from "../compute/backend-error.js";
import { insertEvents } from "../db/events.js";
import { noteStatusBefore, setGeneration } from "../db/progress.js";
import { markGone, markPresent, markReleasing, saveResource, type OpenResource } from "../db/resources.js";
import { beginGeneration, changeStatuses, setInstance, setUrl } from "../db/workspaces.js";
import { confinementOf } from "../domain/policy.js";
import { askOf } from "./account-secrets.js";
import { environmentOf, launchSpecOf } from "./secrets.js";
import { instanceRef, volumeRef } from "../db/refs.js";
import { callOf, type Step, type StepContext } from "./step.js";
import { removeVolume } from "./stop.js";
import { find, findAll, generationOf, intend } from "./ledger.js";
import { untilUp } from "./wait.js";

/** How often one attempt makes an unused volume anew where there may be room. */
const MAX_MOVES = 5;

/** Says that a restart is under way, and remembers what the workspace was before. */
export const announce: Step = {
  name: "announce",
  writesFirst: true,
  async run({ later, operation }) {
    await later(async (tx) => {
      await noteStatusBefore(tx, operation);
      const reason = `${operation.kind} is under way`;
      await changeStatuses(tx, [{ id: operation.workspace_id, status: "provisioning", reason }]);
    });
  },
};

/** Takes the next generation, once an operation: a second attempt launches the same one (I9). */
export const prepare: Step = {
  name: "prepare",
  writesFirst: true,
  async run(context) {
    await context.later(async (tx) => {
      const generation = context.operation.generation ?? context.workspace.generation + 1;
      if (context.operation.generation === null) await setGeneration(tx, context.operation.id, generation);
      context.operation.generation = generation;
      const tokenHash = createHash("sha256").update(context.tokenOf(generation)).digest();
      await beginGeneration(
        tx,
        context.workspace.id,
        generation,
        tokenHash,
        `${context.operation.kind} is under way`,
      );
    });
  },
};

/**
 * Makes the volume, or finds the one that the last generation left. One that has vanished is told of, and made anew only
 * where an operator has asked for that (`new_volume`).
 */
export const ensureVolume: Step = {
  name: "volume",
  writesFirst: true,
  async run(context) {
    try {
      await ensureOnce(context);
    } catch (error) {
      if (!(error instanceof BackendError) || error.code !== "volume_missing") throw error;
      await noteMissing(context, error);
      await ensureOnce(context);
    }
  },
};

/** @throws `missing` unless a new volume was asked for, whose ledger row then takes the place of the old one's. */
export async function noteMissing(context: StepContext, missing: BackendError): Promise<void> {
  const row = await find(context, "volume");
  if (row === undefined) throw missing;
  const anew = context.operation.new_volume;
  await context.fenced(async (tx) => {
    // The provider has said cleanly that it isn't there (I4).
    if (anew) await markGone(tx, row.id);
    await insertEvents(tx, [
      {
        event_type: "workspace.volume.missing",
        workspace_id: context.workspace.id,
        operation_id: context.operation.id,
        payload: {
          volume_id: row.provider_id,
          name: row.name,
          created_at: row.created_at,
          new_volume: anew,
          requested_by: context.operation.requested_by,
        },
      },
    ]);
  });
  if (!anew) throw missing;
  context.ledger.gone(row);
}

async function ensureOnce(context: StepContext): Promise<void> {
  let found = await find(context, "volume");
  if (found?.state === "releasing") {
    // A drain had given its data up, and hasn't seen it to its end.
    await removeVolume.run(context);
    found = undefined;
  }
  const row = await intend(context, "volume", found);
  context.check();
  const { providerId, details } = await context.backend.createVolume(volumeRef(row), {
    ...callOf(context),
    spec: context.workspace.spec,
  });
  Object.assign(row, { provider_id: providerId, details: { ...row.details, ...details } });
  await context.later((tx) => markPresent(tx, row.id, providerId, details));
}

/** Makes and starts the instance, its ledger row first (I3). */
export const launch: Step = {
  name: "launch",
  writesFirst: true,
  async run(context) {
    for (let move = 0; ; move++) {
      try {
        return await launchOnce(context);
      } catch (error) {
        // A pull, say, was ended because a delete waits.
        context.check();
        const crowded = error instanceof BackendError && error.code === "capacity";
        if (!crowded || move === MAX_MOVES || !(await dropUnusedVolume(context))) throw error;
        await ensureVolume.run(context);
      }
    }
  },
};

async function launchOnce(context: StepContext): Promise<void> {
  const generation = generationOf(context);
  const { spec, secretArguments } = await launchSpecOf(
    context.workspace.spec,
    context.secretSources,
    askOf(context),
  );
  const known = await findAll(context);
  const volume = known.get("volume") ?? (await intend(context, "volume", undefined));
  const before = known.get("instance");
  if (before !== undefined) requireOwn(before, generation);
  // From here on an instance may exist, whatever becomes of the answer.
  const row = await intend(context, "instance", before);
  requireOwn(row, generation);
  context.check();
  const { providerId, url, details, starting } = await context.backend.launch(
    {
      instance: instanceRef(row),
      volume: volumeRef(volume),
      spec,
      secretArguments,
      env: environmentOf(context, generation),
      confinement: confinementOf(context.policy, context.workspace.labels),
      save: async (change) => {
        context.check();
        await context.fenced((tx) => saveResource(tx, row.id, change));
        row.client_token = change.clientToken ?? row.client_token;
        row.details = { ...row.details, ...change.details };
      },
    },
    callOf(context),
  );
  Object.assign(row, { provider_id: providerId, details: { ...row.details, ...details } });
  volume.details = { ...volume.details, used: true };
  await context.later(async (tx) => {
    await markPresent(tx, row.id, providerId, details);
    await saveResource(tx, volume.id, { details: { used: true } });
    await setInstance(tx, context.workspace.id, { providerId, url });
    if (starting === true) return;
    await insertEvents(tx, [
      {
        event_type: "workspace.instance.launched",
        workspace_id: context.workspace.id,
        operation_id: context.operation.id,
        payload: { instance_id: providerId, generation, ...details },
      },
    ]);
  });
  if (starting === true) await untilUp(context, providerId);
}

/** @throws BackendError if it is that of another generation */
function requireOwn(row: OpenResource, generation: number): void {
  if (row.generation !== generation)
    throw new BackendError(
      "other_generation",
      "transient",
      `the instance of generation ${row.generation} is not proven gone; a second one is never started beside it`,
    );
}

/** There is no room where the volume is. One that no instance ever had can be made anew elsewhere. */
async function dropUnusedVolume(context: StepContext): Promise<boolean> {
  const row = await find(context, "volume");
  if (row === undefined || row.details["used"] === true) return false;
  await context.fenced((tx) => markReleasing(tx, [context.workspace.id], ["volume"]));
  context.ledger.forget();
  await removeVolume.run(context);
  return true;
}

/** Points the workspace's name at what runs now, where names are configured. */
export const publishName: Step = {
  name: "dns",
  writesFirst: true,
  async run(context) {
    const { dns } = context.backend;
    if (dns === undefined) return;
    const known = await findAll(context);
    const instance = known.get("instance");
    if (instance === undefined) return;
    const name = dns.nameOf(context.workspace.id);
    const row = await intend(context, "dns_record", known.get("dns_record"), name);
    context.check();
    const answer = await dns.publish(volumeRef(row), instanceRef(instance), callOf(context));
    await context.fenced(async (tx) => {
      await markPresent(tx, row.id, answer.providerId, answer.details);
      if (answer.url !== null) await setUrl(tx, context.workspace.id, answer.url);
    });
  },
};
