import type { StructureEvent } from "@berth/client";
import { streams } from "./berth.js";
import { queryClient } from "./queries.js";

type Told = (event: StructureEvent) => void;

/** What is shown is asked for again at most so often for events that come, in ms. */
const AGAIN_EVERY_MS = 1_000;
/** Between two connections that failed at once, in ms. */
const CONNECT_EVERY_MS = 3_000;

/** What no event is of any moment to: runs of sweeps, and what workspaces are called. */
const OF_OTHERS: readonly unknown[] = ["runs", "names"];

const listeners = new Set<Told>();
let due: ReturnType<typeof setTimeout> | undefined;

/** Told of each event until it is taken back. */
export function onEvent(told: Told): () => void {
  listeners.add(told);
  return () => void listeners.delete(told);
}

/** Follows what happens for as long as the page is open. */
export async function followEvents(): Promise<never> {
  for (;;) {
    try {
      for await (const event of streams.events({ onGap: refresh })) {
        for (const told of listeners) told(event);
        refresh();
      }
    } catch {
      // Refused or not there: what is shown is asked for by its own clock meanwhile, and says so.
    }
    await new Promise((resolve) => setTimeout(resolve, CONNECT_EVERY_MS));
    refresh();
  }
}

function refresh(): void {
  due ??= setTimeout(() => {
    due = undefined;
    void queryClient.invalidateQueries({ predicate: ({ queryKey }) => !OF_OTHERS.includes(queryKey[0]) });
  }, AGAIN_EVERY_MS);
}
