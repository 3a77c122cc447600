import { insertEvents } from "../db/events.js";
import type { Operation } from "../db/operations.js";
import { requireOwnTransaction } from "../db/merged.js";
import { transaction, type Pool, type Queryable, type Tx } from "../db/pool.js";
import {
  deleteQuota,
  getQuotaUse,
  lockLabels,
  lockQuota,
  putQuota,
  roomOf,
  someRunning,
  type Quota,
  type QuotaUse,
  type Room,
} from "../db/quotas.js";
import type { Workspace } from "../db/workspaces.js";
import type { BackendName } from "../domain/backend.js";
import {
  countsAsRunning,
  labelText,
  type Label,
  type SizeLimits,
  sizeOf,
  UNLIMITED,
} from "../domain/quota.js";
import type { Spec } from "../domain/spec.js";
import { BerthError } from "../base/errors.js";
import { acceptIdempotently, type Asker } from "./idempotency.js";

type Labels = Readonly<Record<string, string>>;

/** So many workspaces that could make room are named. */
const NAMED = 5;

/** What is to run with labels: a new workspace, or the one of `id`, whose own use isn't counted. */
interface Entrant {
  id?: string;
  labels: Labels;
  backend: BackendName;
  spec: Spec;
}

/**
 * Sees that one more workspace with these labels may run, and that nobody else takes its places until the transaction
 * ends. The caller has locked all the gates that it will. Labels without a quota cost one statement and no lock.
 * @throws BerthError `quota_exceeded` with `label`, `quota`, `max_running`, `running` and some `workspaces`, or with what of
 * `size` is over; `queue_full`.
 */
export async function requireQuotaRoom(tx: Tx, entrant: Entrant): Promise<void> {
  await requireRoom(tx, entrant, { runs: true, waits: true });
}

/** @param adds what it is that one more of. */
async function requireRoom(tx: Tx, entrant: Entrant, adds: { runs: boolean; waits: boolean }): Promise<void> {
  const wanted = Object.entries(entrant.labels).map(([key, value]) => ({ key, value }));
  if (wanted.length === 0) return;
  const except = entrant.id ?? null;
  const refuse = async (rooms: readonly Room[]): Promise<void> => {
    if (adds.runs) await refuseFull(tx, rooms);
    refuseTooLarge(rooms, entrant, adds.waits);
  };
  const limited = await roomOf(tx, wanted, except);
  // What is full already needn't wait to hear it.
  await refuse(limited);
  if (limited.length === 0) return;
  requireOwnTransaction(tx);
  await lockLabels(tx, limited);
  await refuse(await roomOf(tx, limited, except));
}

/**
 * {@link requireQuotaRoom} for a workspace that is to run again; one that counts already needs no more, a removed one none.
 * @param last its last unfinished operation.
 */
export async function requireQuotaToRun(
  tx: Tx,
  workspace: Workspace,
  last: Operation | undefined,
): Promise<void> {
  if (workspace.status === "removed" || countsAsRunning(workspace.status, last)) return;
  await requireQuotaRoom(tx, workspace);
}

/**
 * {@link requireQuotaRoom} for a change of a workspace that counts: for labels that it doesn't have yet, and for what its spec
 * takes more than before.
 */
export async function requireQuotaToChange(
  tx: Tx,
  workspace: Workspace,
  last: Operation | undefined,
  {
    labels = workspace.labels,
    spec = workspace.spec,
  }: { labels?: Labels | undefined; spec?: Spec | undefined },
): Promise<void> {
  if (!countsAsRunning(workspace.status, last)) return;
  const { id, backend } = workspace;
  const added = Object.entries(labels).filter(([key, value]) => workspace.labels[key] !== value);
  const relabelled = { id, backend, spec, labels: Object.fromEntries(added) };
  await requireRoom(tx, relabelled, { runs: true, waits: false });
  const [before, after] = [sizeOf(backend, workspace.spec), sizeOf(backend, spec)];
  const grows = SIZES.some(({ use }) => use !== "waiting" && after[use] > before[use]);
  if (grows) await requireRoom(tx, { id, backend, spec, labels }, { runs: false, waits: false });
}

const SIZES = [
  { limit: "max_memory_mb", use: "memory_mb", unit: "MiB of memory" },
  { limit: "max_cpus", use: "cpus", unit: "CPUs" },
  { limit: "max_volume_gb", use: "volume_gb", unit: "GiB of volumes" },
  { limit: "max_waiting", use: "waiting", unit: "waiting operations" },
] as const;

function refuseTooLarge(rooms: readonly Room[], { backend, spec }: Entrant, waits: boolean): void {
  const wanted = { ...sizeOf(backend, spec), waiting: Number(waits) };
  for (const room of rooms)
    for (const { limit, use, unit } of SIZES) {
      const most = room[limit];
      const used = room.size?.[use] ?? 0;
      if (most === null || wanted[use] === 0 || used + wanted[use] <= most) continue;
      const [label, quota] = [labelText(room), labelText({ key: room.key, value: room.quota_value })];
      throw new BerthError(
        use === "waiting" ? "queue_full" : "quota_exceeded",
        `quota ${quota} lets workspaces with label ${label} have ${most} ${unit}: ${used} are taken, and ${wanted[use]} wanted`,
        { label, quota, [limit]: most, [use]: used, wanted: wanted[use] },
      );
    }
}

async function refuseFull(tx: Tx, rooms: readonly Room[]): Promise<void> {
  const full = rooms.find(({ running, max_running }) => running >= max_running);
  if (full === undefined) return;
  const { max_running, running } = full;
  const label = labelText(full);
  const quota = labelText({ key: full.key, value: full.quota_value });
  const workspaces = await someRunning(tx, full, NAMED);
  const tooMany = running - max_running + 1;
  const next =
    max_running === 0
      ? "none may, until an admin raises it"
      : `delete, pause or hibernate ${tooMany === 1 ? "one of them" : `${tooMany} of them`} first, such as ` +
        workspaces.map(({ id, name }) => `${id} (${name})`).join(", ");
  throw new BerthError(
    "quota_exceeded",
    `quota ${quota} lets ${max_running} workspace(s) with label ${label} run, and ${running} do: ${next}`,
    { label, quota, max_running, running, workspaces },
  );
}

/**
 * Sets how many workspaces of a label may run. One below what runs stops nothing: it only refuses more.
 * @returns whether there was none before.
 * @throws BerthError `precondition_failed` if `ifVersion` is not its version.
 */
export async function setQuota(
  pool: Pool,
  label: Label,
  limits: Partial<SizeLimits> & { max_running: number },
  asker: Asker & { ifVersion?: number },
): Promise<{ quota: QuotaUse; created: boolean }> {
  return transaction(pool, async (tx) => {
    const before = await lockQuota(tx, label);
    requireVersion(label, before, asker);
    const wanted = { ...UNLIMITED, ...limits };
    await putQuota(tx, { ...label, ...wanted, by: asker.requestedBy });
    if (Object.entries(wanted).some(([name, most]) => before?.[name as keyof typeof wanted] !== most))
      await insertEvents(tx, [
        {
          event_type: "quota.changed",
          workspace_id: null,
          payload: {
            label: labelText(label),
            max_running: limits.max_running,
            was: before?.max_running ?? null,
            requested_by: asker.requestedBy,
          },
        },
      ]);
    return { quota: (await getQuotaUse(tx, label))!, created: before === null };
  });
}

/** Removes it: from here on as many may run as like. @throws BerthError `quota_not_found`, `precondition_failed`. */
export async function removeQuota(
  pool: Pool,
  label: Label,
  asker: Asker & { ifVersion?: number },
): Promise<QuotaUse> {
  return acceptIdempotently(pool, null, asker, async (tx) => {
    requireVersion(label, await lockQuota(tx, label), asker);
    const quota = await requireQuota(tx, label);
    await deleteQuota(tx, label);
    await insertEvents(tx, [
      {
        event_type: "quota.removed",
        workspace_id: null,
        payload: {
          label: labelText(label),
          was: quota.max_running,
          requested_by: asker.requestedBy,
        },
      },
    ]);
    return quota;
  });
}

/** @throws BerthError `quota_not_found`. */
export async function requireQuota(db: Queryable, label: Label): Promise<QuotaUse> {
  const quota = await getQuotaUse(db, label);
  if (quota !== null) return quota;
  const text = labelText(label);
  throw new BerthError("quota_not_found", `there is no quota of label ${text}`, { label: text });
}

function requireVersion(label: Label, quota: Quota | null, { ifVersion }: { ifVersion?: number }): void {
  if (ifVersion === undefined || quota?.version === ifVersion) return;
  const now = quota === null ? "there is none" : `its version is ${quota.version}`;
  throw new BerthError("precondition_failed", `quota ${labelText(label)}: ${now}, not ${ifVersion}`, {
    version: quota?.version ?? null,
  });
}
