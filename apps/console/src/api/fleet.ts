import { useEffect, useSyncExternalStore } from "react";
import { type ListedWorkspace, nextOf, type Status, type StructureEvent } from "@berth/client";
import { berth, isLoggedOut, isRefusal, logIn, wordsOf } from "./berth.js";
import { begun, onEvent, onMissed } from "./live.js";

/** A row of the list: all of a workspace but what it runs. */
export type Row = Omit<ListedWorkspace, "spec" | "place_labels" | "may_move">;

export interface Fleet {
  rows: readonly Row[];
  loading: boolean;
  /** There are more than are kept here: narrow it down. */
  cut: boolean;
  error: string | null;
}

/** What the server narrows it down by; all else is done here. */
export interface Wanted {
  removed: boolean;
  label: string | null;
}

const PAGE = 1_000;
/** As many as a browser holds with ease. */
const MAX_ROWS = 30_000;
/** The first page is small, so that there is something to see. */
const FIRST = 200;
/** Workspaces that events told of are read again so often, in ms, and so many at a time. */
const READ_EVERY_MS = 500;
const READ_AT_ONCE = 100;
const SHOW_EVERY_MS = 400;
const AGAIN_AFTER_MS = 2_000;

const STATUS_OF_EVENT: Readonly<Record<string, Status>> = {
  "workspace.provisioning": "provisioning",
  "workspace.awaiting_agent": "awaiting_agent",
  "workspace.online": "online",
  "workspace.offline": "offline",
  "workspace.paused": "paused",
  "workspace.hibernated": "hibernated",
  "workspace.failed": "failed",
  "workspace.removed": "removed",
};

/** The workspaces of the list, kept as events tell of them. To be closed. */
export function openFleet(wanted: Wanted) {
  const rows = new Map<string, Row>();
  const dirty = new Set<string>();
  const shown = new Set<() => void>();
  const leaving = new AbortController();
  const { signal } = leaving;
  let state: Fleet = { rows: [], loading: true, cut: false, error: null };
  let painting: ReturnType<typeof setTimeout> | undefined;
  /** How often all of them have begun to be read, and which were read since. */
  let round = 0;
  let read = new Set<string>();

  const show = (change: Partial<Fleet>): void => {
    state = { ...state, ...change };
    for (const told of shown) told();
  };
  const paint = (): void => {
    painting ??= setTimeout(() => {
      painting = undefined;
      show({ rows: [...rows.values()] });
    }, SHOW_EVERY_MS);
  };
  const keep = ({ spec: _spec, place_labels: _labels, may_move: _move, ...row }: ListedWorkspace): void => {
    if ((row.status === "removed") !== wanted.removed) rows.delete(row.id);
    else rows.set(row.id, row);
    read.add(row.id);
  };

  /** Reads all of them, unless that begins anew meanwhile; what was there before and isn't any more goes. */
  const load = async (mine: number): Promise<void> => {
    read = new Set();
    let after: string | null = null;
    for (let first = true; first || after !== null; first = false) {
      const { data, response }: { data: ListedWorkspace[]; response: Response } = await berth.GET(
        "/workspaces",
        {
          params: {
            query: {
              limit: first ? FIRST : PAGE,
              ...(after === null ? {} : { after }),
              ...(wanted.removed ? { status: ["removed" as const] } : {}),
              ...(wanted.label === null ? {} : { label: [wanted.label] }),
            },
          },
          signal,
        },
      );
      if (mine !== round) return;
      for (const one of data) keep(one);
      after = nextOf(response);
      show({ rows: [...rows.values()], error: null });
      if (rows.size >= MAX_ROWS && after !== null) return show({ cut: true, loading: false });
    }
    for (const id of rows.keys()) if (!read.has(id)) rows.delete(id);
    show({ rows: [...rows.values()], loading: false });
  };
  const begin = (): void => {
    const mine = ++round;
    load(mine).catch((error: unknown) => {
      if (signal.aborted || mine !== round) return;
      if (isLoggedOut(error)) return logIn();
      if (isRefusal(error)) {
        // What was read before isn't this key's to see any more.
        rows.clear();
        return show({ rows: [], error: wordsOf(error), loading: false });
      }
      show({ error: `${wordsOf(error)} Trying again…`, loading: false });
      setTimeout(begin, AGAIN_AFTER_MS);
    });
  };

  const told = ({ workspace_id: id, event_type, created_at }: StructureEvent): void => {
    if (id === null) return;
    dirty.add(id);
    const status = STATUS_OF_EVENT[event_type];
    const row = rows.get(id);
    if (status === undefined || row === undefined) return;
    if (status === "removed") rows.delete(id);
    else rows.set(id, { ...row, status, updated_at: created_at });
    paint();
  };
  const readChanged = async (): Promise<void> => {
    const ids = [...dirty].slice(0, READ_AT_ONCE);
    for (const id of ids) dirty.delete(id);
    if (ids.length === 0) return;
    const query = { id: ids, include_removed: true, limit: READ_AT_ONCE };
    const answer = await berth.GET("/workspaces", { params: { query }, signal }).catch(() => null);
    if (answer === null) {
      // As the event said, until it can be read.
      setTimeout(() => ids.forEach((id) => dirty.add(id)), AGAIN_AFTER_MS);
      return;
    }
    const there = new Set(answer.data.map(({ id }) => id));
    for (const id of ids) if (!there.has(id)) rows.delete(id);
    const [name, value] = wanted.label?.split(/:(.*)/s) ?? [];
    for (const one of answer.data)
      if (name !== undefined && one.labels[name] !== value) rows.delete(one.id);
      else keep(one);
    paint();
  };
  const leave = [onEvent(told), onMissed(() => void (round > 0 && begin()))];
  const reading = setInterval(() => void readChanged(), READ_EVERY_MS);
  void begun.then(begin);

  return {
    subscribe(changed: () => void) {
      shown.add(changed);
      return () => void shown.delete(changed);
    },
    get: () => state,
    close() {
      for (const each of leave) each();
      clearInterval(reading);
      clearTimeout(painting);
      leaving.abort();
    },
  };
}

type Open = ReturnType<typeof openFleet>;
const fleets = new Map<string, { fleet: Open; users: number; ending?: ReturnType<typeof setTimeout> }>();
/** Who comes back to the list within this finds it as it was, in ms. */
const KEPT_MS = 60_000;

export function useFleet(wanted: Wanted): Fleet {
  const key = JSON.stringify(wanted);
  const entry = fleets.get(key) ?? { fleet: openFleet(wanted), users: 0 };
  fleets.set(key, entry);
  useEffect(() => {
    fleets.set(key, entry);
    entry.users++;
    clearTimeout(entry.ending);
    return () => {
      if (--entry.users > 0) return;
      entry.ending = setTimeout(() => {
        fleets.delete(key);
        entry.fleet.close();
      }, KEPT_MS);
    };
  }, [key, entry]);
  return useSyncExternalStore(entry.fleet.subscribe, entry.fleet.get);
}
