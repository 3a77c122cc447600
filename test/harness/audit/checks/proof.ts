import type { Check, Violation } from "../check.js";
import { containerLives, RESOURCE_LABEL, rowOfAgent, shortId, TOLD_LATE_MS } from "../containers.js";
import { lostContainers } from "../lost.js";
import type { RunRecord } from "../record.js";
import { misdated, RESOURCE_TAG } from "../view.js";

/** A volume that is being deleted can't be used any more. */
const OVER: readonly string[] = ["terminated", "deleting", "deleted"];

export const proof: Check = {
  name: "proof",
  invariant: "I4",
  promise: "The ledger says that something is gone only after it was, by the provider's log",
  find(record) {
    const { sql, provider, agents } = record;
    const rowOf = rowOfAgent(record);
    const over = new Map<string, number>();
    for (const { id, to, at } of provider.changes) if (OVER.includes(to) && !over.has(id)) over.set(id, at);
    const rows = new Map(sql.resources.map((row) => [row.id, row]));
    const found: Violation[] = [];
    for (const { id, tags } of provider.made) {
      const row = rows.get(tags[RESOURCE_TAG] ?? "");
      if (tags["berth:role"] === "root" || row === undefined || row.gone_at === null) continue;
      if ((over.get(id) ?? Infinity) > row.gone_at + misdated(record, row.gone_at))
        found.push({
          workspace: row.workspace_id,
          at: row.gone_at,
          what: `${id} is gone in the ledger, and wasn't at its provider`,
        });
    }
    const lost = new Set(lostContainers(record).map(({ id }) => id));
    for (const line of agents) {
      if (lost.has(line.resource)) continue;
      const goneAt = rowOf(line)?.gone_at ?? Infinity;
      if (goneAt + misdated(record, goneAt) < line.at)
        found.push({
          workspace: line.workspace,
          at: line.at,
          what: `the process of generation ${line.generation} is gone in the ledger, and still writes`,
        });
    }
    return [...found, ...inTheDaemon(record)];
  },
};

/** What the ledger calls gone and the daemon had, then or when all has settled. */
function inTheDaemon(record: RunRecord): Violation[] {
  const { docker, sql } = record;
  const lives = containerLives(record);
  return sql.resources.flatMap(({ id, backend, kind, name, workspace_id, created_at, gone_at }) => {
    if (backend !== "docker" || gone_at === null) return [];
    const goneBy = gone_at + misdated(record, gone_at);
    const late = (at: number | null) => at === null || at > goneBy + TOLD_LATE_MS;
    const report = (what: string): Violation => ({
      workspace: workspace_id,
      at: gone_at,
      what: `${what} is gone in the ledger, and wasn't in its daemon`,
    });
    if (kind === "volume") {
      const removed = docker.events.find(
        (one) => one.type === "volume" && one.id === name && one.action === "destroy" && one.at >= created_at,
      );
      const left = docker.volumes.some((one) => one.labels[RESOURCE_LABEL] === id);
      return left || (removed !== undefined && late(removed.at)) ? [report(`volume ${name}`)] : [];
    }
    return lives
      .filter((life) => life.resource === id)
      .filter(({ diedAt, goneAt }) => late(goneAt) || diedAt === null || diedAt > goneBy)
      .map((life) => report(shortId(life.id)));
  });
}
