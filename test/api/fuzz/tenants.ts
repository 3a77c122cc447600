import { randomUUID } from "node:crypto";
import type { Agent } from "node:http";
import { settleEvents } from "@berth/core/db/events";
import fc from "fast-check";
import { PROCESS_SPEC, type TestApi } from "../api.js";
import { requests, type Description, type FuzzRequest, type Known } from "./requests.js";
import { send } from "./send.js";

const TEAMS = ["red", "blue"] as const;
type Team = (typeof TEAMS)[number];

interface Tenant {
  key: string;
  workspaces: string[];
  operations: string[];
  /** Each of its ids, and what stands in each of its names, labels and specs: nobody else's answers have it. */
  own: Set<string>;
}

/**
 * Sends so many requests made from the API's description, each by one of two tenants and mostly about what is the other's.
 * @returns of each kind of breach the first: what the asker saw of the other, or changed of it
 */
export async function fuzzTenants(
  api: TestApi,
  agent: Agent,
  count: number,
  seed: number | undefined,
): Promise<{ breaches: Record<string, string>; accepted: number; refused: number }> {
  const description = (await api.call("GET", "/docs/json")).body as Description;
  const tenants = {} as Record<Team, Tenant>;
  for (const team of TEAMS) {
    const made = await api.call("POST", "/keys", {
      body: { name: `fuzz-${team}`, scope: "operator", tenant: { team } },
    });
    tenants[team] = { key: made.body.key, workspaces: [], operations: [], own: new Set() };
    for (let n = 0; n < 3; n++) await add(api, tenants[team], team);
  }
  const known: Known = (parameter, path) => {
    const both = TEAMS.flatMap((team) => tenants[team]);
    if (path.startsWith("/workspaces/") || parameter === "workspaceId")
      return both.flatMap((one) => one.workspaces);
    if (path.startsWith("/operations/{")) return both.flatMap((one) => one.operations);
    return [];
  };
  const breaches: Record<string, string> = {};
  let there = await digests(api);
  let [sent, accepted, refused] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...TEAMS), requests(description, known), async (team, request) => {
      const not = team === "red" ? "blue" : "red";
      const [me, other] = [tenants[team], tenants[not]];
      if (sent++ % 40 === 0) {
        await add(api, me, team);
        there = await digests(api);
      }
      const answer = await send(api, agent, {
        ...request,
        headers: { ...request.headers, authorization: `Bearer ${me.key}` },
      });
      if (answer.status < 300) accepted++;
      else refused++;
      const note = (kind: string): void => {
        breaches[`${request.operationId} ${kind}`] ??=
          `${shown(request)}\n${answer.status} ${answer.text.slice(0, 1_000)}`;
      };
      const said = shown(request);
      for (const one of other.own)
        if (answer.text.includes(one) && !said.includes(one)) note("shows what is another's");
      const after = await digests(api);
      if (after[not] !== there[not]) note("changes what is another's");
      there = after;
    }),
    { numRuns: count, endOnFailure: true, ...(seed !== undefined && { seed }) },
  );
  return { breaches, accepted, refused };
}

/** A workspace with marks of its own wherever one can be. */
async function add(api: TestApi, tenant: Tenant, team: Team): Promise<void> {
  const marks = [randomUUID(), randomUUID(), randomUUID()] as const;
  const created = await api.create({
    name: `${team}-${marks[0]}`,
    labels: { team, mark: marks[1] },
    spec: { ...PROCESS_SPEC, env: { MARK: marks[2] } },
  });
  if (created.id === undefined) throw new Error(`not created: ${JSON.stringify(created)}`);
  tenant.workspaces[tenant.workspaces.length % 6] = created.id;
  tenant.operations[tenant.operations.length % 6] = created.operation.id;
  for (const one of [...marks, created.id, created.operation.id as string]) tenant.own.add(one);
}

/** All that there is of each tenant, but for the places that events are given by whoever reads them first. */
async function digests({ pool }: TestApi): Promise<Record<Team, string>> {
  await settleEvents(pool);
  const { rows } = await pool.query<{ team: Team; digest: string }>(
    `select w.labels->>'team' as team, sum(
       hashtextextended(w::text, 0)::numeric + hashtextextended(g::text, 0) +
       (select coalesce(sum(hashtextextended(o::text, 0)::numeric), 0) from operations o where o.workspace_id = w.id) +
       (select coalesce(sum(e.id), 0) from structure_events e where e.workspace_id = w.id)) as digest
     from workspaces w join gates g on g.workspace_id = w.id where w.labels ? 'team' group by 1`,
  );
  return Object.fromEntries(rows.map(({ team, digest }) => [team, digest])) as Record<Team, string>;
}

function shown({ body, ...rest }: FuzzRequest): string {
  return JSON.stringify({ ...rest, body: body?.toString("latin1") }).slice(0, 20_000);
}
