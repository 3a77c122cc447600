import { useSyncExternalStore } from "react";
import { createClient, type StructureEvent } from "@berth/client";
import { isLoggedOut, logIn } from "./berth.js";
import { queryClient } from "./queries.js";

type Told = (event: StructureEvent) => void;

/** What is shown is asked for again at most so often for events that come, in ms. */
const AGAIN_EVERY_MS = 1_000;
/** Between two connections that failed at once, in ms. */
const CONNECT_EVERY_MS = 3_000;
/** Who wants to hear of all that changes from now on waits no longer for it than this, in ms. */
const BEGIN_WITHIN_MS = 1_000;

/** What no event is of any moment to: runs of sweeps, and what workspaces are called. */
const OF_OTHERS: readonly unknown[] = ["runs", "names"];

const stream = createClient({ url: location.origin, key: null, onRetry: () => hear(false) });
const listeners = new Set<Told>();
const missing = new Set<() => void>();
const watching = new Set<() => void>();
let live = true;
let due: ReturnType<typeof setTimeout> | undefined;

let begin: () => void;
/** What is read after this and kept as events tell of it misses nothing; if it does, {@link onMissed} says so. */
export const begun = new Promise<void>((resolve) => {
  begin = resolve;
  setTimeout(resolve, BEGIN_WITHIN_MS);
});

/** Told of each event until it is taken back. */
export function onEvent(told: Told): () => void {
  listeners.add(told);
  return () => void listeners.delete(told);
}

/** Told when events may have been missed, and what was read before isn't to be relied on. */
export function onMissed(told: () => void): () => void {
  missing.add(told);
  return () => void missing.delete(told);
}

/** False while what happens isn't heard of. */
export function useLive(): boolean {
  return useSyncExternalStore(watch, () => live);
}

function watch(told: () => void): () => void {
  watching.add(told);
  return () => void watching.delete(told);
}

function hear(now: boolean): void {
  begin();
  live = now;
  for (const told of watching) told();
}

/** Follows what happens for as long as the page is open. */
export async function followEvents(): Promise<never> {
  for (;;) {
    let first = true;
    const onOpen = (): void => {
      hear(true);
      // It begins with what happens now; a later connection goes on where the one before was cut.
      if (first) miss();
      first = false;
    };
    try {
      for await (const event of stream.events({ onGap: miss, onOpen })) {
        for (const told of listeners) told(event);
        refresh();
      }
    } catch (error) {
      if (isLoggedOut(error)) logIn();
    }
    hear(false);
    await new Promise((resolve) => setTimeout(resolve, CONNECT_EVERY_MS));
    refresh();
  }
}

function miss(): void {
  for (const told of missing) told();
  refresh();
}

function refresh(): void {
  due ??= setTimeout(() => {
    due = undefined;
    void queryClient.invalidateQueries({ predicate: ({ queryKey }) => !OF_OTHERS.includes(queryKey[0]) });
  }, AGAIN_EVERY_MS);
}
