import type { Agent } from "node:http";
import { settleEvents } from "@berth/core/db/events";
import { ensurePlace } from "@berth/core/db/places";
import { SWEEP_NAMES } from "@berth/core/domain/sweep";
import fc from "fast-check";
import { PROCESS_SPEC, type TestApi } from "../api.js";
import { requests, type Description, type Known } from "./requests.js";
import { send, type Answer } from "./send.js";

/** Tables that a refused request may touch: they say nothing of what was asked, or, as the audit log, say just that it was refused. */
const ASIDE = ["audit_log", "heartbeat_listeners", "berth_schema", "fuzz_changes"];
/** What accepts nothing here: no leak is listed, no place in doubt, nothing held, and the key isn't an agent's token. */
const NEEDS_MORE = [
  // An operation that was cancelled, of a workspace that is still there.
  "retryOperation",
  // One that is paused, of which nothing else was asked since.
  "resumeWorkspace",
  "retryLeak",
  "releaseLeak",
  "approveSweep",
  "confirmPlace",
  "registerAgent",
  "sendHeartbeat",
];
const LEAKED =
  /\n\s+at |node_modules|\.[jt]s:\d+|\b(select|insert into|update|delete from) \w+ |violates|relation "|syntax error at/i;

export interface Fuzzed {
  /** Of each kind of fault the first request that had it, with its answer. */
  faults: Record<string, string>;
  /** Routes that accepted nothing, with the statuses that they answered: the fuzz didn't get in. */
  silent: string[];
}

/** Sends so many requests that are made from the API's own description, one at a time. */
export async function fuzz(api: TestApi, agent: Agent, count: number): Promise<Fuzzed> {
  const description = (await api.call("GET", "/docs/json")).body as Description;
  for (const name of ["spare", "drained"]) await ensurePlace(api.pool, { name, backend: "process" });
  await countChanges(api);
  const ids = {
    workspaces: [] as string[],
    operations: [] as string[],
    keys: [] as string[],
    bulk: [] as string[],
    webhooks: [] as string[],
    deliveries: [] as string[],
  };
  for (const name of ["a", "b", "c"]) {
    const { id, operation } = await api.create({ name, spec: PROCESS_SPEC });
    const key = await api.call("POST", "/keys", { body: { name: `fuzz-${name}`, scope: "viewer" } });
    ids.workspaces.push(id);
    ids.operations.push(operation.id);
    ids.keys.push(key.body.id);
    const bulk = await api.call("POST", "/operations/bulk", {
      body: { kind: "restart", workspace_ids: [id] },
    });
    ids.bulk.push(bulk.body.id);
  }
  const freshWebhook = async () => {
    // There can only be a hundred.
    await api.pool.query("delete from webhooks");
    const webhook = await api.call("POST", "/webhooks", { body: { url: "https://example.com/" } });
    const ping = await api.call("POST", `/webhooks/${webhook.body.id}/ping`);
    ids.webhooks[0] = webhook.body.id;
    ids.deliveries[0] = ping.body.id;
  };
  await freshWebhook();
  let made = 0;
  let sent = 0;
  const known: Known = (parameter, path) => {
    // Not the place that all the others are in: nothing could be made any more.
    if (path.startsWith("/places/"))
      return [path.endsWith("/lost") ? "spare" : path.endsWith("/drain") ? "drained" : "external"];
    if (parameter === "name") return SWEEP_NAMES;
    if (parameter === "label") return ["team:red", "team:*"];
    if (parameter === "workspaceId") return ids.workspaces;
    // What stands before the id says what it is of.
    return ids[path.split(`/{${parameter}}`)[0]!.split("/").at(-1) as keyof typeof ids] ?? [];
  };
  const statuses = new Map<string, Map<number, number>>();
  // Of each kind of fault the first one: they are mended one by one.
  const faults = new Map<string, string>();
  await changes(api);
  await fc.assert(
    fc.asyncProperty(requests(description, known), async (request) => {
      // Those that are known are soon deleted or paused: there is always a fresh one as well.
      if (sent++ % 50 === 0) {
        await freshWebhook();
        const fresh = await api.create({ spec: PROCESS_SPEC });
        ids.workspaces[made % 3] = fresh.id;
        ids.operations[made++ % 3] = fresh.operation.id;
        await changes(api);
      }
      const answer = await send(api, agent, request);
      const changed = await changes(api);
      if (request.operationId === "createWorkspace" && answer.status < 300) {
        const created = JSON.parse(answer.text) as { id: string; operation: { id: string } };
        ids.workspaces[made % 3] = created.id;
        ids.operations[made++ % 3] = created.operation.id;
      }
      const seen = statuses.get(request.operationId) ?? new Map<number, number>();
      statuses.set(request.operationId, seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1));
      const wrong =
        fault(answer) ?? (answer.status >= 400 && changed.length > 0 ? `changed ${changed.join()}` : null);
      if (wrong === null) return;
      const { body, ...rest } = request;
      const shown = { ...rest, body: body?.toString("latin1").slice(0, 500) };
      const kind = `${request.operationId} ${wrong}`;
      if (!faults.has(kind))
        faults.set(kind, `${JSON.stringify(shown)}\n${answer.status} ${answer.text.slice(0, 1_000)}`);
    }),
    { numRuns: count, endOnFailure: true, ...seed() },
  );
  const silent = [...statuses].filter(
    ([id, seen]) => [...seen.keys()].every((status) => status >= 400) && !NEEDS_MORE.includes(id),
  );
  return {
    faults: Object.fromEntries(faults),
    silent: silent.map(([id, seen]) => `${id}: ${JSON.stringify(Object.fromEntries(seen))}`),
  };
}

/** Each row that is written from here on, and stays, leaves one of `fuzz_changes`. */
async function countChanges(api: TestApi): Promise<void> {
  await api.pool.query("create table fuzz_changes (at text)");
  await api.pool.query(`create function fuzz_change() returns trigger language plpgsql as
    $$ begin insert into fuzz_changes values (tg_op || ' ' || tg_table_name); return null; end $$`);
  const { rows } = await api.pool.query<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'public' and tablename <> all ($1)",
    [ASIDE],
  );
  for (const { name } of rows)
    await api.pool.query(
      `create trigger fuzz after insert or update or delete on "${name}" for each row execute function fuzz_change()`,
    );
}

async function changes(api: TestApi): Promise<string[]> {
  // Whoever reads events first gives them their places: that is nobody's change.
  await settleEvents(api.pool);
  const { rows } = await api.pool.query<{ at: string }>("delete from fuzz_changes returning at");
  return rows.map((row) => row.at);
}

/** What is wrong with an answer, whatever was asked; null if nothing is. */
function fault({ status, type, text }: Answer): string | null {
  if (LEAKED.test(text)) return "tells of its inside";
  if (status < 400) return null;
  if (!type.startsWith("application/problem+json")) return `is of type ${type}`;
  const problem = JSON.parse(text) as {
    code: string;
    detail: string;
    errors?: { field: string; expected: string }[];
  };
  // A dry run is carried out by a worker, and there is none.
  if (status >= 500 && problem.code !== "no_worker") return "is a 5xx";
  if (status !== 400) return problem.code === "" ? "has no code" : null;
  const named = (problem.errors ?? []).filter(
    ({ field, expected }) => typeof field === "string" && expected !== "",
  );
  return named.length === 0 ? "doesn't name the field and what it wants" : null;
}

/** `BERTH_TEST_FUZZ_SEED` repeats a run. */
function seed(): { seed?: number } {
  const given = process.env["BERTH_TEST_FUZZ_SEED"];
  return given === undefined ? {} : { seed: Number(given) };
}
