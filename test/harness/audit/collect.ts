import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { collectDocker, type DockerSources, NO_DOCKER } from "./collect-docker.js";
import { isNoteCall } from "./notes.js";
import type {
  About,
  AgentLine,
  Beat,
  ChangeLine,
  ClientCall,
  DockerEvent,
  EndedLine,
  FaultLine,
  MadeLine,
  ProviderCall,
  RunRecord,
  SaidLine,
  SeenLine,
  Sample,
} from "./record.js";

export interface Sources {
  about: About;
  /** Holds `harness.jsonl`, `provider.jsonl`, `docker.jsonl`, `agents.jsonl` and `client-*.jsonl`. */
  directory: string;
  databaseUrl: string;
  simulatorUrl: string;
  processes: RunRecord["processes"];
  docker: DockerSources | null;
  /** Files and folders in which no secret may be. */
  open: readonly string[];
  secrets: readonly string[];
}

/** Reads what there is to know, when all has settled. */
export async function collect(sources: Sources): Promise<RunRecord> {
  const lines = async <Line>(name: string) =>
    parse<Line>(await readFile(join(sources.directory, name), "utf8").catch(() => ""));
  const harness = await lines<{ type: string }>("harness.jsonl");
  const provider = await lines<{ type: string }>("provider.jsonl");
  const of = <Line>(all: readonly { type: string }[], type: string) =>
    all.filter((line) => line.type === type) as unknown as Line[];
  const clients = (await readdir(sources.directory)).filter((name) => name.startsWith("client-"));
  const state = (await (await fetch(`${sources.simulatorUrl}/_sim/state`)).json()) as State;
  const client = new pg.Client({ connectionString: sources.databaseUrl });
  await client.connect();
  try {
    return {
      about: sources.about,
      faults: of<FaultLine>(harness, "fault"),
      ended: of<EndedLine>(harness, "ended"),
      samples: of<Sample>(harness, "sample"),
      said: of<SaidLine>(harness, "said"),
      seen: of<SeenLine>(harness, "seen"),
      beats: (
        await client.query<Beat>(
          `select nullif(split_part(sweep, '@', 2), '') as place, counts, error, ${ms("started_at")}, ${ms("finished_at")}
           from sweep_runs where split_part(sweep, '@', 1) = 'instance-state' order by id`,
        )
      ).rows,
      calls: (await Promise.all(clients.map((name) => lines<ClientCall>(name)))).flat(),
      agents: await lines<AgentLine>("agents.jsonl"),
      provider: {
        made: of<MadeLine>(provider, "made"),
        changes: of<ChangeLine>(provider, "change"),
        calls: of<ProviderCall>(provider, "call").filter((call) => !isNoteCall(call)),
        instances: state.instances,
        volumes: state.volumes,
        names: state.records.map(({ name }) => name),
      },
      processes: sources.processes,
      docker:
        sources.docker === null
          ? NO_DOCKER
          : await collectDocker(sources.docker, await lines<DockerEvent>("docker.jsonl")),
      sql: await readTables(client),
      exposures: [...(await exposedInFiles(sources)), ...(await exposedInRows(client, sources.secrets))],
    };
  } finally {
    await client.end();
  }
}

interface State {
  instances: { id: string; state: string; tags: Record<string, string> }[];
  volumes: { id: string; state: string; tags: Record<string, string> }[];
  records: { name: string }[];
}

/** Whole ms, as all others write them. */
const ms = (column: string) => `floor(extract(epoch from ${column}) * 1000)::float8 as ${column}`;

async function readTables(client: pg.Client): Promise<RunRecord["sql"]> {
  const rows = async <Row>(text: string) => (await client.query(text)).rows as Row[];
  return {
    workspaces: await rows(
      `select id, labels ->> 'tenant' as tenant, place, name, parent_id, backend, status, status_reason, generation, instance_id, ${ms("created_at")}, ${ms("removed_at")} from workspaces order by 1`,
    ),
    gates: await rows("select workspace_id, head::int, tail::int, owner from gates"),
    operations: await rows(
      `select id, workspace_id, ticket::int, kind, state, source, generation, attempt, takeovers, error,
         ${ms("created_at")}, ${ms("started_at")}, ${ms("finished_at")} from operations order by workspace_id, ticket`,
    ),
    resources: await rows(
      `select id, workspace_id, place, kind, backend, name, provider_id, generation, state, ${ms("created_at")},
         ${ms("releasing_at")}, ${ms("gone_at")} from resources`,
    ),
    events: await rows(
      `select event_type, workspace_id, operation_id, payload, ${ms("created_at")} from structure_events order by id`,
    ),
  };
}

function parse<Line>(text: string): Line[] {
  return text.split("\n").flatMap((line) => {
    try {
      return line === "" ? [] : [JSON.parse(line) as Line];
    } catch {
      // The last line of a process that was killed.
      return [];
    }
  });
}

async function exposedInFiles({ open, secrets }: Sources): Promise<RunRecord["exposures"]> {
  const files = (await Promise.all(open.map(filesIn))).flat();
  const found = await Promise.all(
    files.map(async (file) => exposed(file, await readFile(file, "latin1"), secrets)),
  );
  return found.flat();
}

async function filesIn(path: string): Promise<string[]> {
  if ((await stat(path)).isFile()) return [path];
  return (await Promise.all((await readdir(path)).map((name) => filesIn(join(path, name))))).flat();
}

async function exposedInRows(client: pg.Client, secrets: readonly string[]): Promise<RunRecord["exposures"]> {
  const tables = await client.query<{ name: string }>(
    "select quote_ident(schemaname) || '.' || quote_ident(tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
  );
  const found: RunRecord["exposures"][number][] = [];
  for (const { name } of tables.rows) {
    const { rows } = await client.query<{ text: string }>(`select one::text as text from ${name} one`);
    found.push(...exposed(name, rows.map(({ text }) => text).join("\n"), secrets));
  }
  return found;
}

function exposed(
  where: string,
  text: string,
  secrets: readonly string[],
): { where: string; excerpt: string }[] {
  return secrets.flatMap((secret) => {
    const at = text.indexOf(secret);
    if (at === -1) return [];
    const around = text.slice(Math.max(0, at - 80), at + secret.length + 20);
    return [{ where, excerpt: around.replaceAll(secret, "…secret…").replaceAll(/[^ -~…]/g, " ") }];
  });
}
