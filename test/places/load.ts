import { setTimeout as delay } from "node:timers/promises";
import { BerthError } from "@berth/core/base/errors";
import { createWorkspace, type CreateInput } from "@berth/core/requests/create";
import { removeWorkspace } from "@berth/core/requests/delete";
import { requestRestart } from "@berth/core/requests/restart";
import { requestResume } from "@berth/core/requests/resume";
import { requestPause } from "@berth/core/requests/suspend";
import type { Random } from "../harness/random.js";
import { BY_TEST, newWorkspace, type Fleet } from "../support/fleet.js";

const CALLERS = 6;
/**
 * How many operations have ended between two faults at least, of so many workspaces: a busy machine gets less done in a time,
 * and a daemon that dies takes half of them with it, all of which are restarted.
 */
const endedBetweenFaults = (workspaces: number): number => Math.max(6, workspaces / 2);

export interface Load {
  /** Asks for so many operations, one after another by each of some callers. */
  run(operations: number): Promise<void>;
  /** Deletes every workspace that is left. */
  removeAll(): Promise<void>;
  /** Operations that haven't ended. */
  backlog(): Promise<number>;
  /** Does `harm` from time to time until `work` is over. */
  breaking(everyMs: readonly [number, number], harm: () => Promise<void>, work: Promise<void>): Promise<void>;
}

/** Creates, restarts, pauses, resumes and deletes at random, in random places, over so many workspaces at once. */
export function mixedLoad(
  { pool, context }: Fleet,
  random: Random,
  given: { workspaces: number; places: readonly string[]; input: Partial<CreateInput> },
): Load {
  const ids: string[] = [];
  const count = async (where: string) =>
    (await pool.query<{ n: number }>(`select count(*)::int as n from operations where ${where}`)).rows[0]!.n;
  const backlog = () => count("finished_at is null");
  const create = async () => {
    const input = { ...newWorkspace(), ...given.input, place: random.pick(given.places) };
    const { workspace } = await createWorkspace(context, input, BY_TEST);
    ids.push(workspace.id);
  };
  const remove = async (id: string) => {
    ids.splice(ids.indexOf(id), 1);
    await removeWorkspace(context, id, { cascade: false, purge: false, ...BY_TEST });
  };
  const act = async () => {
    if (ids.length < given.workspaces) return create();
    const id = random.pick(ids);
    const draw = random.fraction();
    if (draw < 0.5) return requestRestart(context, id, BY_TEST);
    if (draw < 0.7) return requestPause(context, id, BY_TEST);
    return draw < 0.9 ? requestResume(context, id, BY_TEST) : remove(id);
  };
  return {
    backlog,
    async run(operations) {
      let accepted = 0;
      const call = async () => {
        while (accepted < operations) {
          accepted++;
          try {
            await act();
          } catch (error) {
            // Refused, as what can't be done in its state is.
            if (!(error instanceof BerthError)) throw error;
            accepted--;
          }
          while ((await backlog()) > 4 * CALLERS) await delay(200);
        }
      };
      await Promise.all(Array.from({ length: CALLERS }, call));
    },
    async removeAll() {
      while (ids.length > 0) await remove(ids[0]!);
    },
    async breaking(everyMs, harm, work) {
      const stop = new AbortController();
      void work.finally(() => stop.abort()).catch(() => undefined);
      for (let lastEnded = 0; !stop.signal.aborted;) {
        await delay(random.between(...everyMs), undefined, { signal: stop.signal }).catch(() => undefined);
        const ended = (await count("finished_at is not null")) - lastEnded;
        if (ended < endedBetweenFaults(given.workspaces) || stop.signal.aborted) continue;
        lastEnded += ended;
        await harm();
      }
    },
  };
}
