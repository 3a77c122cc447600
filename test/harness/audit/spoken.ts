import type { RunRecord, Statement, Workspace } from "./record.js";

/** What Berth said of a workspace, answer after answer, without a change. */
export interface Spoken extends Omit<Statement, "id"> {
  workspace: Workspace;
  /** Of the first answer that said so. */
  asked: number;
  answered: number;
  /** When the last answer was asked for that said so. */
  last: number;
  /** When the first answer was asked for that said otherwise; that of the last of all, if none did. */
  until: number;
}

export function spokenOf({ said, sql }: RunRecord): Spoken[] {
  const workspaces = new Map(sql.workspaces.map((one) => [one.id, one]));
  const open = new Map<string, Spoken>();
  const all: Spoken[] = [];
  let before = 0;
  for (const { asked, answered, workspaces: changed } of said) {
    for (const { id, ...statement } of changed) {
      const workspace = workspaces.get(id);
      if (workspace === undefined) continue;
      const ends = open.get(id);
      if (ends !== undefined) Object.assign(ends, { last: Math.max(before, ends.asked), until: asked });
      const begins: Spoken = { ...statement, workspace, asked, answered, last: asked, until: asked };
      open.set(id, begins);
      all.push(begins);
    }
    before = asked;
  }
  for (const one of open.values()) Object.assign(one, { last: before, until: before });
  return all;
}
