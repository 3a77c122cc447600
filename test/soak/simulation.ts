import { createHash } from "node:crypto";
import type { InstanceRef, InstanceState } from "@berth/core/compute/backend";
import { takeBeats } from "@berth/core/db/heartbeats";
import type { Workspace } from "@berth/core/db/workspaces";
import { SWEEP_NAMES, type SweepName } from "@berth/core/domain/sweep";
import { BerthError } from "@berth/core/base/errors";
import { removeWorkspace } from "@berth/core/requests/delete";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { requestHibernate, requestPause } from "@berth/core/requests/suspend";
import { requestResume } from "@berth/core/requests/resume";
import { approveSweep } from "@berth/core/requests/sweeps";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { DEFAULT_CADENCE } from "../sweeps/cadence.js";
import type { Stage } from "../sweeps/stage.js";

const TICK_MS = 15_000;
const WORKSPACES = 120;
/** As long as the graces, backoffs and approvals that what is left may need: an hour after a long run. */
const calmTicks = (decisions: number): number => (decisions > 50_000 ? 240 : 120);

export interface SoakResult {
  decisions: number;
  /** Virtual minutes. */
  minutes: number;
  /** What the sweeps did, by sweep and outcome. */
  outcomes: Record<string, number>;
  /** What was done to them, by kind. */
  mishaps: Record<string, number>;
  /** Acts on what was alive and wanted: there must be none. */
  violations: string[];
  /** What is wrong with the world once all faults are over. */
  left: string[];
}

/** The truth about one workspace, which Berth can only see through its provider and its agent. */
interface Truth {
  index: number;
  id: string;
  hasAgent: boolean;
  /** The generation whose agent hangs for ever; 0: none. */
  mute: number;
  active: number;
}

/**
 * A fleet in virtual time under random requests, deaths, leaks, lies and outages. Each draw is a hash of the
 * seed, the tick and the workspace's number: not of the order in which things are asked for, which differs
 * from run to run. Whoever acts on the provider is checked against the truth at that moment.
 */
export async function simulate(stage: Stage, seed: number, wanted: number): Promise<SoakResult> {
  const result: SoakResult = {
    decisions: 0,
    minutes: 0,
    outcomes: {},
    mishaps: {},
    violations: [],
    left: [],
  };
  const truths: Truth[] = [];
  const byId = new Map<string, Truth>();
  /** Provider ids of what nobody owns, in truth. */
  const unowned = new Set<string>();
  const foreign: string[] = [];
  let tick = 0;
  let calm = false;
  let apiDownUntil = 0;
  let outageUntil = 0;
  let sweeping: SweepName | null = null;

  const draw = (what: string, index = 0): number =>
    createHash("sha256").update(`${seed}/${tick}/${what}/${index}`).digest().readUInt32BE() / 2 ** 32;
  const happens = (what: string, probability: number, index = 0): boolean =>
    !calm && draw(what, index) < probability;
  const mishap = (kind: string): void => {
    result.mishaps[kind] = (result.mishaps[kind] ?? 0) + 1;
  };
  const breach = (what: string): void => void result.violations.push(`tick ${tick}: ${what}`);
  const agentLives = (truth: Truth, generation: number): boolean =>
    truth.hasAgent && truth.mute !== generation;

  // -- What the provider does, and what it is asked for

  const { backend } = stage;
  const lies = new Map<string, number>();
  backend.faults.onList = (things) => {
    if (tick < outageUntil) return Promise.reject(new Error("the provider is down"));
    if (happens("list fails", 0.1)) return Promise.reject(new Error("page 2 did not come"));
    // Eventual consistency: some of what is there isn't listed yet.
    return things.filter((_, n) => !happens("list lacks", 0.02, n));
  };
  backend.faults.onProbe = (states, refs) => {
    if (tick < outageUntil) return new Map([...states.keys()].map((key) => [key, "unknown" as const]));
    return new Map(refs.map((ref) => [ref.resourceId, probed(ref, states.get(ref.resourceId)!)]));
  };
  function probed(ref: InstanceRef, state: InstanceState): InstanceState {
    const truth = byId.get(ref.workspaceId);
    if (truth === undefined || state !== "running") return state;
    if (happens("probe fails", 0.05, truth.index)) return "unknown";
    // It calls a living instance dead, once; of one whose agent is just heard it does so as often as it likes.
    const heard = agentLives(truth, ref.generation) && tick >= apiDownUntil + 8;
    if (happens("probe lies", 0.01, truth.index) && (heard || lies.get(ref.resourceId) !== tick)) {
      lies.set(ref.resourceId, tick);
      mishap("provider calls the living dead");
      return "gone";
    }
    return state;
  }
  const { stop, removeVolume } = { stop: backend.stop, removeVolume: backend.removeVolume };
  backend.stop = async (ref, options) => {
    const truth = byId.get(ref.workspaceId);
    await judge(ref.workspaceId, ref.providerId, ref.generation);
    if (tick < outageUntil || happens("stop fails", 0.1, truth?.index))
      throw new Error("the provider failed to stop it");
    return stop(ref, options);
  };
  backend.removeVolume = async (ref, options) => {
    const truth = byId.get(ref.workspaceId);
    await judge(ref.workspaceId, ref.providerId, null);
    if (tick < outageUntil || happens("volume fails", 0.05, truth?.index))
      throw new Error("the provider failed to remove it");
    return removeVolume(ref, options);
  };

  /** Is this act right, by all that is true? */
  async function judge(
    workspaceId: string,
    providerId: string | null,
    generation: number | null,
  ): Promise<void> {
    const { rows } = await stage.pool.query<{ alive: boolean; deployment: string }>(
      "select removed_at is null as alive, deployment from provider_things where id = $1",
      [providerId],
    );
    if (rows[0] === undefined || !rows[0].alive) return;
    if (rows[0].deployment !== "berth") return breach(`a foreign thing was touched: ${providerId}`);
    if (unowned.has(providerId!)) return;
    const { rows: asked } = await stage.pool.query<{
      state: string;
      source: string | null;
      launches: number | null;
      confirmed: boolean;
    }>(
      `select r.state, o.source, o.generation as launches, exists (select from operations l where l.workspace_id = r.workspace_id
         and l.generation = r.generation and l.state = 'succeeded') as confirmed from resources r join workspaces w on w.id = r.workspace_id
       left join operations o on o.workspace_id = r.workspace_id and o.state = 'running'
       where r.provider_id = $1 and r.state <> 'gone'`,
      [providerId],
    );
    const [row] = asked;
    // An operation may clear away what it has launched itself.
    if (row?.state !== "releasing" && (row?.source ?? null) === null)
      return breach(`${sweeping ?? "an operation"} acts on ${providerId}, which nobody gave up`);
    const truth = byId.get(workspaceId)!;
    const byBerth = row?.source === "reconciler" || row?.source === "liveness";
    // What the restart has launched itself it may give up again, and what another operation has launched and given up: the one that
    // failed for a provider that didn't say whether it runs is tried anew.
    const former = generation !== null && generation < (row?.launches ?? Infinity) && row?.confirmed === true;
    if (byBerth && former && (!truth.hasAgent || agentLives(truth, generation)))
      breach(`${row?.source} restarts workspace ${truth.index}, which lives`);
  }

  // -- What users do

  const request = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof BerthError)) throw error;
    }
  };
  const create = async (): Promise<void> => {
    const index = truths.length;
    const hasAgent = draw("agent", index) < 0.5;
    const parents = truths.filter((truth) => truth.id !== "" && truth.index % 5 === 0);
    const parent =
      draw("child", index) < 0.3 ? parents[Math.floor(draw("parent", index) * parents.length)] : undefined;
    await request(async () => {
      const { workspace } = await createWorkspace(
        stage.deps,
        {
          ...newWorkspace(`w-${index}`, parent?.id ?? null),
          spec: { command: ["true"], readiness: (hasAgent ? "agent" : "running") as never },
          hibernate_after_minutes: (hasAgent && draw("idle", index) < 0.3 ? 20 : null) as never,
        },
        BY_TEST,
      );
      const truth = { index, id: workspace.id, hasAgent, mute: 0, active: 0 };
      truths.push(truth);
      byId.set(truth.id, truth);
    });
  };
  const act = async (truth: Truth): Promise<void> => {
    const { index, id } = truth;
    const { deps } = stage;
    if (happens("restart", 0.004, index)) await request(() => requestRestart(deps, id, BY_TEST));
    if (happens("pause", 0.002, index)) await request(() => requestPause(deps, id, BY_TEST));
    if (happens("hibernate", 0.002, index)) await request(() => requestHibernate(deps, id, BY_TEST));
    if (happens("resume", 0.05, index)) await request(() => requestResume(deps, id, BY_TEST));
    if (happens("delete", 0.003, index))
      await request(() => removeWorkspace(deps, id, { cascade: draw("cascade", index) < 0.5, ...BY_TEST }));
  };

  // -- What goes wrong

  const harm = async (truth: Truth, workspace: Workspace): Promise<void> => {
    const { index } = truth;
    const runs = workspace.instance_id !== null && workspace.status !== "removed";
    if (runs && happens("dies", 0.002, index)) {
      await stage.kill(workspace.instance_id!);
      mishap("instance dies");
    }
    if (runs && truth.hasAgent && happens("mute", 0.002, index)) {
      truth.mute = workspace.generation;
      mishap("agent falls silent");
    }
    if (happens("twin", 0.001, index)) {
      unowned.add(await stage.leak({ workspaceId: truth.id }));
      mishap("second instance beside the first");
    }
    if (happens("row lost", 0.001, index) && (await loseRows(truth))) mishap("rows lost");
    truth.active = happens("busy", 0.3, index) ? 1 : 0;
  };
  /** As if the database were older than the workspace: nobody knows of its things any more. */
  const loseRows = async (truth: Truth): Promise<boolean> => {
    const { rows: children } = await stage.pool.query("select 1 from workspaces where parent_id = $1", [
      truth.id,
    ]);
    if (children.length > 0) return false;
    const { rows } = await stage.pool.query<{ id: string }>(
      "select id from provider_things where workspace_id = $1 and removed_at is null and deployment = 'berth'",
      [truth.id],
    );
    for (const { id } of rows) unowned.add(id);
    await stage.pool.query("delete from workspaces where id = $1", [truth.id]);
    // With its ledger, or without.
    if (draw("ledger too", truth.index) < 0.5)
      await stage.pool.query("delete from resources where workspace_id = $1", [truth.id]);
    byId.delete(truth.id);
    truths.splice(truths.indexOf(truth), 1, { ...truth, id: "" });
    return true;
  };

  const rowsOf = async (): Promise<Map<string, Workspace & { token_hash: Buffer | null }>> => {
    const { rows } = await stage.pool.query<Workspace & { token_hash: Buffer | null }>(
      "select * from workspaces",
    );
    return new Map(rows.map((row) => [row.id, row]));
  };

  const oneTick = async (): Promise<void> => {
    tick++;
    await stage.time.advance(TICK_MS);
    if (happens("api down", 0.01)) {
      apiDownUntil = tick + 4 + Math.floor(draw("api down for") * 20);
      mishap("API away");
    }
    if (happens("outage", 0.008)) {
      outageUntil = tick + 2 + Math.floor(draw("outage for") * 30);
      mishap("provider away");
    }
    if (happens("leak", 0.01)) {
      unowned.add(await stage.leak());
      mishap("instance of no workspace");
    }
    if (happens("foreign", 0.01)) foreign.push(await stage.leak({ deployment: "somebody-else" }));
    let rows = await rowsOf();
    const living = truths.filter((truth) => rows.get(truth.id)?.status !== "removed" && rows.has(truth.id));
    for (let n = living.length; n < WORKSPACES; n++) if (happens("create", 0.3, n)) await create();
    for (const truth of living) {
      await act(truth);
      await harm(truth, rows.get(truth.id)!);
    }
    rows = await rowsOf();
    if (tick >= apiDownUntil) {
      await stage.listen();
      const up = new Set(await stage.things());
      await takeBeats(
        stage.pool,
        truths.flatMap((truth) => {
          const row = rows.get(truth.id);
          if (row?.token_hash == null || row.instance_id === null || !up.has(row.instance_id)) return [];
          if (!agentLives(truth, row.generation)) return [];
          return [
            { workspaceId: truth.id, tokenHash: row.token_hash, activeTasks: truth.active, errorRate: 0 },
          ];
        }),
      );
    }
    for (const name of SWEEP_NAMES) {
      if ((tick * TICK_MS) % DEFAULT_CADENCE[name] >= TICK_MS) continue;
      sweeping = name;
      const counts = await stage.run(name).catch(() => ({ rejected: 1 }) as Record<string, number>);
      sweeping = null;
      for (const [what, n] of Object.entries(counts ?? {})) {
        if (what === "looked_at") result.decisions += n;
        else if (n > 0) result.outcomes[`${name} ${what}`] = (result.outcomes[`${name} ${what}`] ?? 0) + n;
      }
      // An operator looks at what is held every ten minutes, and lets through what is true.
      if (counts?.["held"] && tick % 40 === 0 && (name === "docker-orphans" || calm)) {
        await approveSweep(stage.deps.pool, { name, place: null }, { requestedBy: "operator" });
        mishap("breaker holds");
      }
    }
    await stage.settle();
  };
  for (let n = 0; n < WORKSPACES / 2; n++) await create();
  while (result.decisions < wanted) await oneTick();
  const { decisions } = result;
  // All faults are over: whatever is wrong heals by itself.
  calm = true;
  outageUntil = 0;
  apiDownUntil = 0;
  for (const truth of truths) truth.mute = 0;
  for (let n = 0; n < calmTicks(wanted); n++) await oneTick();
  result.decisions = decisions;
  result.minutes = (tick * TICK_MS) / 60_000;

  const things = await stage.things();
  const rows = await rowsOf();
  // One that stood there before its workspace's own was launched was taken for that: both are of one generation.
  for (const { instance_id } of rows.values()) unowned.delete(instance_id ?? "");
  result.left.push(
    ...foreign.filter((id) => !things.includes(id)).map((id) => `foreign ${id} is gone`),
    ...[...unowned].filter((id) => things.includes(id)).map((id) => `unowned ${id} is still there`),
  );
  for (const [id, row] of rows) {
    const name = `workspace ${byId.get(id)?.index}`;
    const own = row.instance_id !== null && things.includes(row.instance_id);
    const volume = things.includes(`vol-${id}`);
    if (["online", "degraded"].includes(row.status) && !own)
      result.left.push(`${name} is ${row.status} and runs nothing`);
    if (["paused", "hibernated", "removed", "failed"].includes(row.status) && row.instance_id !== null)
      result.left.push(`${name} is ${row.status} and runs ${row.instance_id}`);
    if (row.status === "removed" && volume) result.left.push(`${name} is removed and has a volume`);
    if (["online", "degraded", "paused", "hibernated"].includes(row.status) && !volume)
      result.left.push(`${name} is ${row.status} and has lost its volume`);
    if (["provisioning", "awaiting_agent", "offline"].includes(row.status))
      result.left.push(`${name} is still ${row.status}: ${row.status_reason}`);
  }
  const { rows: open } = await stage.pool.query<{ n: number }>(
    "select count(*) as n from resources where state = 'releasing'",
  );
  if (open[0]!.n > 0) result.left.push(`${open[0]!.n} obligations are open`);
  return result;
}
