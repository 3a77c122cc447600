import { createHash } from "node:crypto";
import { clearInterval, setInterval } from "node:timers";
import type { AgentNote } from "../db/agents.js";
import { insertEvents } from "../db/events.js";
import { forgetListener, noteListening, takeBeats, type Beat, type Taken } from "../db/heartbeats.js";
import { isDatabaseUnavailable, type Pool } from "../db/pool.js";
import { BerthError } from "../base/errors.js";
import { batched } from "../base/batch.js";

/** What an agent says of itself. */
export interface AgentReport {
  workspaceId: string;
  /** `BERTH_TOKEN` as the instance was given it. */
  token: string;
  activeTasks?: number | undefined;
  /** Share of its work that fails of late, 0 to 1. */
  errorRate?: number | undefined;
  uptimeSeconds?: number | undefined;
  note?: AgentNote | undefined;
}

/** `stale`: the token is not that of the workspace's current generation, or there is no such workspace. */
export type BeatOutcome = { outcome: "ok"; generation: number; status: string } | { outcome: "stale" };

export interface Heartbeats {
  /**
   * Takes one beat, a registration as well as those that follow: either puts a workspace that awaits its
   * agent, or was given up for silent, online. Recorded when it resolves.
   * @throws BerthError `database_unavailable`, also when more wait than can be taken soon.
   */
  beat(report: AgentReport): Promise<BeatOutcome>;
  /** Records what has arrived, then takes no more. */
  close(): Promise<void>;
}

/** A process that hasn't said so for this long no longer listens, in ms. */
export const LISTENER_GONE_MS = 30_000;
const LISTENING_EVERY_MS = 5_000;
/** An old instance beats on: one event a minute says so. */
const STALE_EVENT_EVERY_MS = 60_000;

/**
 * Takes heartbeats, many in one statement: those that arrive while one is under way go together into the
 * next, so a lone one waits for nobody and ten thousand a second cost a few statements.
 */
export function createHeartbeats(options: {
  pool: Pool;
  /** Names this process among those that listen. */
  owner: string;
  /** Beats in one statement. Default 1,000. */
  max?: number;
  /** Beats that may wait; further ones are refused at once. Default 50,000. */
  maxWaiting?: number;
  onError?: (error: unknown) => void;
}): Heartbeats {
  const { pool, owner, max = 1_000, maxWaiting = 50_000, onError = () => undefined } = options;
  const take = batched<Beat, Taken>(max, isDatabaseUnavailable, (beats) => takeAll(pool, beats));
  const underWay = new Set<Promise<unknown>>();
  const told = new Map<string, number>();
  let closing = false;

  let noted = Promise.resolve();
  const listening = (): void => {
    noted = noteListening(pool, owner, LISTENER_GONE_MS).catch(onError);
  };
  listening();
  const timer = setInterval(listening, LISTENING_EVERY_MS);
  timer.unref();

  const tellStale = async (workspaceId: string, generation: number): Promise<void> => {
    const now = performance.now();
    if (now - (told.get(workspaceId) ?? -Infinity) < STALE_EVENT_EVERY_MS) return;
    if (told.size > 10_000) told.clear();
    told.set(workspaceId, now);
    await insertEvents(pool, [
      { event_type: "workspace.heartbeat.stale", workspace_id: workspaceId, payload: { generation } },
    ]);
  };

  const one = async (report: AgentReport): Promise<BeatOutcome> => {
    const { token, ...figures } = report;
    const taken = await take({ ...figures, tokenHash: createHash("sha256").update(token).digest() });
    if (taken.accepted) return { outcome: "ok", generation: taken.generation!, status: taken.status! };
    // Who has no workspace leaves no trace: the id is whatever the caller made up.
    if (taken.generation !== null) await tellStale(report.workspaceId, taken.generation).catch(onError);
    return { outcome: "stale" };
  };

  return {
    async beat(report) {
      if (closing) throw new BerthError("database_unavailable", "this process is ending");
      if (underWay.size >= maxWaiting)
        throw new BerthError("database_unavailable", "more heartbeats wait than can be recorded soon");
      const work = one(report).catch((error: unknown) => {
        if (isDatabaseUnavailable(error))
          throw new BerthError("database_unavailable", "the heartbeat was not recorded", {}, error);
        throw error;
      });
      underWay.add(work);
      try {
        return await work;
      } finally {
        underWay.delete(work);
      }
    },
    async close() {
      closing = true;
      clearInterval(timer);
      await Promise.allSettled([...underWay, noted]);
      await forgetListener(pool, owner).catch(onError);
    },
  };
}

/**
 * Two beats of one workspace in one batch: the later one says how it is, and both get its answer. What the earlier one said
 * of itself, it says once (a card, at its registration): that is kept.
 */
async function takeAll(pool: Pool, beats: Beat[]): Promise<Taken[]> {
  // A workspace's beats with different tokens are different claims: each is judged by itself.
  const keyOf = (beat: Beat): string => `${beat.workspaceId}/${beat.tokenHash.toString("base64")}`;
  const latest = new Map<string, Beat>();
  for (const beat of beats) {
    const before = latest.get(keyOf(beat))?.note;
    const note = before === undefined ? beat.note : { ...before, ...beat.note };
    latest.set(keyOf(beat), { ...beat, note });
  }
  const taken = await takeBeats(pool, [...latest.values()]);
  const answers = new Map([...latest.keys()].map((key, index) => [key, taken[index]!]));
  return beats.map((beat) => answers.get(keyOf(beat))!);
}
