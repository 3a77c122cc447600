import type { Check, Violation } from "../check.js";
import { containerLives, shortId, TOLD_LATE_MS } from "../containers.js";
import { lostContainers } from "../lost.js";
import type { RunRecord } from "../record.js";
import { byWorkspace, instanceLives } from "../view.js";

export const overlap: Check = {
  name: "overlap",
  invariant: "I1",
  promise: "No instance of a workspace is made before the one before it is gone, by the provider's log",
  find(record) {
    const found: Violation[] = [];
    for (const [workspace, lives] of byWorkspace(instanceLives(record), (life) => life.workspace))
      for (const [n, life] of lives.entries()) {
        const before = lives.slice(0, n).find((one) => one.goneAt === null || one.goneAt > life.madeAt);
        if (before === undefined) continue;
        const gone = before.goneAt === null ? "never" : `${before.goneAt - life.madeAt} ms later`;
        const what = `${life.id} (generation ${life.generation}) was made beside ${before.id} (generation ${before.generation}), which was gone ${gone}`;
        found.push({ workspace, at: life.madeAt, what });
      }
    found.push(...containersBeside(record));
    const lost = lostOf(record);
    for (const { what, workspace, at, generation } of record.agents)
      if (what === "overlap" && !lost.some((one) => one.workspace === workspace && one.at <= at))
        found.push({
          workspace,
          at,
          what: `the process of generation ${generation} began while another ran`,
        });
    return found;
  },
};

function containersBeside(record: RunRecord): Violation[] {
  return [...byWorkspace(containerLives(record), (life) => life.workspace)].flatMap(([workspace, lives]) =>
    lives.flatMap((life, n): Violation[] => {
      const before = lives
        .slice(0, n)
        .find(
          ({ diedAt, goneAt }) =>
            (goneAt ?? Infinity) > life.madeAt + TOLD_LATE_MS ||
            (life.startedAt !== null && (diedAt ?? Infinity) > life.startedAt),
        );
      if (before === undefined) return [];
      const what = `${shortId(life.id)} (generation ${life.generation}) was made beside ${shortId(before.id)} (generation ${before.generation})`;
      return [{ workspace, at: life.madeAt, what }];
    }),
  );
}

/** Whose lock it is that a process finds isn't told: it may be that of any that its workspace has lost before. */
function lostOf(record: RunRecord): { workspace: string; at: number }[] {
  const owners = new Map(containerLives(record).map(({ id, workspace }) => [id, workspace]));
  return lostContainers(record).map(({ id, at }) => ({ workspace: owners.get(id) ?? "", at }));
}
