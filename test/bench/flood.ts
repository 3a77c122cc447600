/** Asks for all that the budgets of a key let through, until it is ended; then tells how often it was answered and refused. */
import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

/** A second: the budgets of a key. */
const READS_PER_S = 500;
const WRITES_PER_S = 200;
const TICK_MS = 10;
/** A tenant with many programs, and not one without end: what it waits for it doesn't ask for again. */
const UNDER_WAY = 200;

const { FLOOD_URL: url = "", FLOOD_KEY: key = "" } = process.env;
const agent = new Agent({ keepAlive: true, maxSockets: UNDER_WAY });
let [under, answered, refused] = [0, 0, 0];
const ended = new AbortController();
process.once("SIGTERM", () => ended.abort());

for (let due = 0, asked = 0, begun = performance.now(); !ended.signal.aborted; await pause(TICK_MS)) {
  due = ((performance.now() - begun) * (READS_PER_S + WRITES_PER_S)) / 1_000;
  // What it couldn't ask for in time isn't made up for.
  asked = Math.max(asked, due - UNDER_WAY);
  for (; asked < due && under < UNDER_WAY; asked++)
    if (asked % 7 < 5) ask("GET", "/workspaces?limit=100");
    else ask("POST", "/workspaces", JSON.stringify({ name: "flood", backend: "external", spec: {} }));
}
console.log(`the other one had ${answered} answers and ${refused} refusals`);
process.exit(0);

function ask(method: string, path: string, body?: string): void {
  under++;
  const told = (ok: boolean): void => {
    under--;
    if (ok) answered++;
    else refused++;
  };
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const sent = request(url + path, { method, agent, headers }, (answer) => {
    answer.resume().on("end", () => told((answer.statusCode ?? 500) < 300));
  });
  sent.on("error", () => told(false));
  sent.end(body);
}
