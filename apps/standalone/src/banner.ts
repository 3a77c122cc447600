import { BACKEND_RULES, type BackendName } from "@berth/core/domain/backend";

/** What a newcomer needs next, with three lines that work when pasted into one shell in this order. */
export function banner(options: {
  url: string;
  adminKey: string;
  backend: BackendName;
  dataDir: string;
  database: string;
  queues: string;
  /** URL of the simulated EC2; null: none. */
  simulator: string | null;
  /** What to beware of; null: nothing. */
  beware: string | null;
}): string {
  const { url, adminKey, backend, dataDir, database, queues, simulator, beware } = options;
  const curl = `curl -sS -H 'authorization: Bearer ${adminKey}' -H 'prefer: wait=60'`;
  const body = JSON.stringify({ name: "hello", backend, spec: BACKEND_RULES[backend].example });
  const workspace = `${url}/workspaces/$id`;
  return `Berth is ready.

  Console  ${url}
  API      ${url}
  Docs     ${url}/docs
  Queues   ${url}/admin/queues
  Key      ${adminKey}
  Backend  ${backend}${simulator === null ? "" : `, simulated at ${simulator} (what exists: ${simulator}/_sim/state)`}
  Storage  ${database}, queues in ${queues}, files in ${dataDir}${beware === null ? "" : `\n  Beware   ${beware}`}

Create, restart and delete a workspace:

id=$(${curl} -H 'content-type: application/json' -d '${body}' ${url}/workspaces | tee /dev/stderr | sed 's/^{"id":"\\([^"]*\\)".*/\\1/')
${curl} -X POST ${workspace}/restart
${curl} -X DELETE ${workspace}

Ctrl-C stops Berth; ${simulator === null ? "what it runs goes on, and is found again at the next start" : "the simulated EC2 ends with it, and its instances too"}.
`;
}
