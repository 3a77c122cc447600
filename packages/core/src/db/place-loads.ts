import { AT_REST } from "../domain/status.js";
import { wordList } from "./word-list.js";

/** A workspace `w` that runs, or should, in the place `p`. */
export const RUNS_HERE = `w.place = p.name and w.status not in ${wordList(AT_REST)}`;

/** How many run in the place `p`, or should. */
export const RUNNING = `(select count(*)::int from workspaces w where ${RUNS_HERE})`;

/**
 * Of how many workspaces something may be in the place `p`: of paused ones, and of a removed one, or one that is elsewhere by now,
 * what isn't proven gone.
 */
export const HELD = `((select count(*)::int from workspaces w where w.place = p.name and w.status <> 'removed') +
  (select count(distinct r.workspace_id)::int from resources r left join workspaces w on w.id = r.workspace_id
   where r.place = p.name and r.state <> 'gone' and (w.id is null or w.status = 'removed' or w.place <> p.name)))`;
