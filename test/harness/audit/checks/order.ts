import type { Check, Violation } from "../check.js";
import { containerLives } from "../containers.js";
import { byWorkspace, instanceLives, misdated } from "../view.js";

export const order: Check = {
  name: "order",
  invariant: "I2, I9",
  promise:
    "A workspace's operations run one after another as accepted, and its launches in the order of generations",
  find(record) {
    const found: Violation[] = [];
    const launches = [
      ...[...instanceLives(record), ...containerLives(record)].map(({ workspace, generation, madeAt }) => ({
        workspace,
        generation,
        at: madeAt,
      })),
      ...record.agents
        .filter(({ what }) => what === "start")
        .map(({ workspace, generation, at }) => ({ workspace, generation, at })),
    ].toSorted((a, b) => a.at - b.at);
    for (const [workspace, all] of byWorkspace(launches, (launch) => launch.workspace))
      for (const [n, launch] of all.entries()) {
        const later = all.slice(0, n).find((one) => one.generation > launch.generation);
        if (later !== undefined) {
          const what = `generation ${launch.generation} was launched after generation ${later.generation}`;
          found.push({ workspace, at: launch.at, what });
        }
      }
    for (const [workspace, all] of byWorkspace(record.sql.operations, (one) => one.workspace_id)) {
      const ran = all.filter((one) => one.started_at !== null).toSorted((a, b) => a.ticket - b.ticket);
      for (const [n, one] of ran.entries()) {
        const before = ran[n - 1];
        const began = one.started_at! + misdated(record, one.started_at!);
        if (before === undefined || (before.finished_at !== null && before.finished_at <= began)) continue;
        const what = `${one.kind} (ticket ${one.ticket}) began before ${before.kind} (ticket ${before.ticket}) had ended`;
        found.push({ workspace, at: one.started_at, what });
      }
    }
    return found;
  },
};
