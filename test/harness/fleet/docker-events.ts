import { request } from "node:http";
import { createInterface } from "node:readline";
import { openJournal } from "../journal.js";

/** What the daemon tells, written down as it comes. */
export interface DockerEventWatch {
  close(): void;
}

/** As the daemon writes them. */
interface Told {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  timeNano: number;
}

const AGAIN_AFTER_MS = 50;
/** Events of two containers may come in another order than that of their times. */
const OUT_OF_ORDER_NS = 5e9;
const TOLD = new Set(["create", "start", "die", "destroy"]);

/**
 * Follows the daemon's events through its restarts. It keeps the last ones for those that ask again, in memory: what
 * it told just before it was killed may be missing.
 */
export function watchDockerEvents(socketPath: string, file: string): DockerEventWatch {
  const journal = openJournal(file);
  const ending = new AbortController();
  const filters = encodeURIComponent(JSON.stringify({ type: ["container", "volume"] }));
  const began = Date.now() * 1e6;
  const seen = new Set<string>();
  let last = began;

  const follow = () => {
    if (ending.signal.aborted) return;
    const since = (Math.max(began, last - OUT_OF_ORDER_NS) / 1e9).toFixed(6);
    const path = `/events?since=${since}&filters=${filters}`;
    let over = false;
    const again = () => {
      if (!over) setTimeout(follow, AGAIN_AFTER_MS).unref();
      over = true;
    };
    const asked = request({ socketPath, path, agent: false, signal: ending.signal }, (response) => {
      response.on("error", () => undefined);
      response.on("close", again);
      createInterface({ input: response })
        .on("line", take)
        .on("error", () => undefined);
    });
    asked.on("error", again);
    asked.end();
  };
  const take = (line: string) => {
    const told = parsed(line);
    if (told === null || seen.has(line)) return;
    seen.add(line);
    const { Type: kind, Action: action, Actor: actor, timeNano } = told;
    last = Math.max(last, timeNano);
    if (!TOLD.has(action)) return;
    const at = Math.floor(timeNano / 1e6);
    journal.write({ type: kind, at, action, id: actor.ID, labels: actor.Attributes });
  };
  follow();
  return {
    close() {
      ending.abort();
      journal.close();
    },
  };
}

/** Null for what a daemon that was killed hasn't ended. */
function parsed(line: string): Told | null {
  try {
    return JSON.parse(line) as Told;
  } catch {
    return null;
  }
}
