import { randomUUID } from "node:crypto";
import type { Agent } from "node:http";
import fc from "fast-check";
import { PROCESS_SPEC, type TestApi } from "../api.js";
import { requests, type Description, type FuzzRequest, type Known } from "./requests.js";
import { send } from "./send.js";

const TEAMS = ["red", "blue"] as const;
type Team = (typeof TEAMS)[number];

/** As all that is somebody's own is written. */
const MARKS = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

interface Tenant {
  key: string;
  workspaces: string[];
  operations: string[];
  /** UUIDs: each of its ids, and what stands in each of its names, labels and specs: nobody else's answers have it. */
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
  await watchChanges(api);
  let [sent, accepted, refused] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...TEAMS), requests(description, known), async (team, request) => {
      const not = team === "red" ? "blue" : "red";
      const [me, other] = [tenants[team], tenants[not]];
      if (sent++ % 40 === 0) {
        await add(api, me, team);
        await changed(api);
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
      for (const one of answer.text.match(MARKS) ?? [])
        if (other.own.has(one) && !said.includes(one)) note("shows what is another's");
      if ((await changed(api)).includes(not)) note("changes what is another's");
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

/** Notes whose workspaces any statement touches from now on, even where it leaves a row as it was. */
async function watchChanges({ pool }: TestApi): Promise<void> {
  await pool.query(`
    create unlogged table touched (team text);
    create function note_touched() returns trigger language plpgsql as $$
    declare
      one record;
    begin
      for one in select * from (values (to_jsonb(old)), (to_jsonb(new))) as rows (image) where image is not null loop
        insert into touched select coalesce(
          one.image #>> '{labels,team}',
          (select labels->>'team' from workspaces where id = (one.image->>'workspace_id')::uuid));
      end loop;
      return null;
    end $$;
    create trigger touched after insert or update or delete on workspaces for each row execute function note_touched();
    create trigger touched after insert or update or delete on gates for each row execute function note_touched();
    create trigger touched after insert or update or delete on operations for each row execute function note_touched();
    -- Not the places that events are given by whoever reads them first.
    create trigger touched after insert or delete on structure_events for each row execute function note_touched();
  `);
}

/** Whose workspaces were touched since this was last asked. */
async function changed({ pool }: TestApi): Promise<string[]> {
  const { rows } = await pool.query<{ team: string | null }>("delete from touched returning team");
  return rows.flatMap(({ team }) => team ?? []);
}

function shown({ body, ...rest }: FuzzRequest): string {
  return JSON.stringify({ ...rest, body: body?.toString("latin1") }).slice(0, 20_000);
}
