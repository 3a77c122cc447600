import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { getWorkspace } from "@berth/core/db/workspaces";
import type { Pool } from "@berth/core/db/pool";
import { computeOf } from "@berth/core/domain/backend";
import { BerthError } from "@berth/core/base/errors";
import type { Logger } from "@berth/core/base/logger";
import type { Queues } from "@berth/core/queues/producer";
import { type KeyCheck, watchKey } from "./key-check.js";
import { askForLogs, type FoundLogs } from "../log-jobs.js";

export interface Following {
  /**
   * What a workspace writes from now on, after its last `tail` lines or after `since`, as server-sent events.
   * Ends after `limitMs`. @throws BerthError `too_many_followers`
   */
  follow(
    wanted: {
      workspaceId: string;
      /** Where it runs. */
      place: string;
      tail: number;
      since: string | null;
      limitMs: number;
    } & KeyCheck,
  ): Readable;
  /** How many follow. */
  open(): number;
  /** Ends all streams, with a word of it. */
  close(): Promise<void>;
}

type End = "removed" | "time" | "shutdown" | "key_refused";

interface Follower {
  out: Readable;
  place: string;
  tail: number;
  position: string | null;
  generation: number | null;
  /** Nothing came lately: a line without an end won't get one soon either. */
  quiet: boolean;
  troubled: boolean;
  ended: boolean;
}

interface Feed {
  followers: Set<Follower>;
  /** Aborted when somebody joins or the last one leaves: the pause between two questions is over. */
  wake: AbortController;
  done: Promise<void>;
}

const USUAL_PAUSE_MS = 1_000;
const TROUBLE_PAUSE_MS = 3_000;
const ASK_LIMIT_MS = 10_000;
const BEAT_EVERY_MS = 15_000;
const MAX_LINES = 10_000;
/** Who has so much unread isn't reading: what is kept for them would grow without end. */
const MAX_UNREAD_BYTES = 4 * 2 ** 20;

/** Logs that are followed: each workspace's are asked for once for all who are at the same place in them. */
export function createFollowing(options: {
  pool: Pool;
  queues: Pick<Queues, "logsOf">;
  logger: Logger;
  /** Followers at a time. */
  most: number;
}): Following {
  const { pool, queues, logger, most } = options;
  const feeds = new Map<string, Feed>();
  const closing = new AbortController();
  const all = (): Follower[] => [...feeds.values()].flatMap(({ followers }) => [...followers]);
  const beat = setInterval(() => {
    for (const { out, ended } of all()) if (!ended) out.push(": still here\n\n");
  }, BEAT_EVERY_MS);
  beat.unref();

  const send = (follower: Follower, event: string, data: object, id: string | null = null): void => {
    const { out } = follower;
    if (out.destroyed || follower.ended) return;
    out.push(`event: ${event}\n${id === null ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
    if (out.readableLength <= MAX_UNREAD_BYTES) return;
    logger.warn({ unread: out.readableLength }, "a follower of logs reads too slowly, and is dropped");
    out.destroy();
  };
  const end = (follower: Follower, reason: End): void => {
    send(follower, "end", { reason });
    if (!follower.out.destroyed && !follower.ended) follower.out.push(null);
    follower.ended = true;
  };
  const deliver = (follower: Follower, logs: FoundLogs): void => {
    const { backend, generation, lines, truncated, position } = logs;
    const known = follower.position !== null && follower.generation === generation;
    if (follower.generation !== generation) send(follower, "logs", { backend, generation });
    if (known && truncated) send(follower, "gap", { reason: "lines are missing here" });
    for (const [index, line] of lines.entries())
      send(follower, "line", line, index === lines.length - 1 ? position : null);
    Object.assign(follower, {
      generation,
      position: position ?? follower.position,
      tail: MAX_LINES,
      quiet: lines.length === 0,
      troubled: false,
    });
  };

  const ask = async (workspaceId: string, group: readonly Follower[]): Promise<number> => {
    const [{ place, tail, position, quiet }] = group as [Follower];
    const question = {
      workspaceId,
      tail: position === null ? tail : MAX_LINES,
      since: position,
      wholeLines: !quiet,
    };
    try {
      const limits = { timeoutMs: ASK_LIMIT_MS, signal: closing.signal };
      const logs = await askForLogs({ pool, queues }, place, question, limits);
      for (const follower of group) deliver(follower, logs);
      return computeOf(logs.backend)?.logPauseMs ?? USUAL_PAUSE_MS;
    } catch (error) {
      if (!(error instanceof BerthError)) throw error;
      for (const follower of group) {
        // What is written while there are no logs to read is new to them.
        if (error.code === "no_logs") follower.tail = MAX_LINES;
        else if (!follower.troubled) {
          follower.troubled = true;
          send(follower, "trouble", { code: error.code, detail: error.message });
        }
      }
      if (error.code !== "no_logs") return TROUBLE_PAUSE_MS;
      const workspace = await getWorkspace(pool, workspaceId);
      if (workspace === null || workspace.status === "removed")
        for (const follower of group) end(follower, "removed");
      return USUAL_PAUSE_MS;
    }
  };

  const run = async (workspaceId: string, feed: Feed): Promise<void> => {
    while (feed.followers.size > 0 && !closing.signal.aborted) {
      feed.wake = new AbortController();
      let pause = TROUBLE_PAUSE_MS;
      const groups = new Map<string, Follower[]>();
      for (const one of feed.followers) groups.set(pointOf(one), [...(groups.get(pointOf(one)) ?? []), one]);
      for (const group of groups.values()) {
        pause = await ask(workspaceId, group).catch((error: unknown) => {
          logger.warn({ err: error, workspace_id: workspaceId }, "logs can't be followed now");
          return TROUBLE_PAUSE_MS;
        });
      }
      await delay(pause, undefined, { signal: feed.wake.signal }).catch(() => undefined);
    }
    feeds.delete(workspaceId);
  };

  return {
    follow({ workspaceId, place, tail, since, limitMs, ...key }) {
      if (closing.signal.aborted || all().length >= most)
        throw new BerthError("too_many_followers", `this process serves ${most} at a time: follow fewer`);
      const out = new Readable({ read: () => undefined });
      const follower: Follower = {
        out,
        place,
        tail,
        position: since,
        generation: null,
        quiet: false,
        troubled: false,
        ended: false,
      };
      const timer = setTimeout(() => end(follower, "time"), limitMs);
      const checks = watchKey(key, () => end(follower, "key_refused"));
      let feed = feeds.get(workspaceId);
      if (feed === undefined) {
        feed = { followers: new Set([follower]), wake: new AbortController(), done: Promise.resolve() };
        feeds.set(workspaceId, feed);
        feed.done = run(workspaceId, feed);
      } else {
        feed.followers.add(follower);
        feed.wake.abort();
      }
      const joined = feed;
      // Ended, or the client has left.
      out.once("close", () => {
        clearTimeout(timer);
        clearInterval(checks);
        joined.followers.delete(follower);
        if (joined.followers.size === 0) joined.wake.abort();
      });
      out.push("retry: 2000\n\n");
      return out;
    },
    open: () => all().length,
    async close() {
      clearInterval(beat);
      for (const follower of all()) end(follower, "shutdown");
      closing.abort();
      for (const feed of feeds.values()) feed.wake.abort();
      await Promise.all([...feeds.values()].map(({ done }) => done));
    },
  };
}

/** Those at the same point of the logs are served by one question. */
function pointOf({ place, position, tail, quiet }: Follower): string {
  return `${place} ${position ?? `last ${tail}`} ${quiet}`;
}
