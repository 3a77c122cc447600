import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { Bed } from "../frame/bed.js";
import type { Case, Opened } from "../frame/case.js";
import { rateOf, requestText } from "../frame/http.js";
import { ADMIN_KEY, openStack } from "../frame/stack.js";
import { cpuOf } from "../peers/cpu.js";

const [BEATS, HEALTH] = ["POST /registry/heartbeat", "GET /health"];
const AGENTS = 10_000;

async function open(bed: Bed): Promise<Opened> {
  const stack = await openStack(bed, { backends: "process", workers: 0 });
  const agents = Array.from({ length: AGENTS }, () => ({
    id: randomUUID(),
    token: randomBytes(32).toString("base64url"),
  }));
  await stack.pool.query(
    `insert into workspaces (id, name, backend, spec, labels, status, generation, token_hash)
     select id, 'bench', 'process', '{}', '{}', 'online', 1, hash from unnest($1::uuid[], $2::bytea[]) as a (id, hash)`,
    [agents.map(({ id }) => id), agents.map(({ token }) => createHash("sha256").update(token).digest())],
  );
  let next = 0;
  const beat = (): string => {
    const { id, token } = agents[next++ % AGENTS]!;
    const body = { workspace_id: id, active_tasks: next % 7, error_rate: 0 };
    return requestText("POST", "/registry/heartbeat", { token, body });
  };
  const health = requestText("GET", "/health", { token: ADMIN_KEY });
  const [pid, url] = [stack.pids.api[0]!, stack.urls[0]!];
  return {
    async run(subject) {
      const used = { api: cpuOf(pid), ...bed.cpu() };
      const load = { seconds: 3 * bed.scale, connections: 50, pipelined: 20 };
      const rate = await rateOf(url, load, subject === BEATS ? beat : () => health);
      const each = (ms: number): number => (ms * 1_000) / rate.answers;
      const { rows } = await stack.pool.query<{ n: number }>(
        "select count(*)::int as n from workspaces where last_heartbeat_at is not null",
      );
      const broken = Object.entries(rate.statuses).flatMap(([code, count]) =>
        code === "200" ? [] : [`${count} × ${code}`],
      );
      if (subject === BEATS && rows[0]!.n < Math.min(next, AGENTS) * 0.99)
        broken.push(`${rows[0]!.n} of ${Math.min(next, AGENTS)} heard`);
      return {
        value: rate.perSecond,
        more: {
          "API, µs of CPU each": each(cpuOf(pid) - used.api),
          "PostgreSQL, µs each": each(bed.cpu().postgres - used.postgres),
        },
        broken,
      };
    },
    close: () => stack.close(),
  };
}

export const heartbeats: Case = {
  name: "heartbeats",
  title: "Heartbeats over HTTP",
  what: `50 connections with 20 requests under way each, to one API process, from ${AGENTS} workspaces in turn, each with its own token; beside GET /health, which does nothing.`,
  unit: "answers/s",
  better: "more",
  subjects: [BEATS!, HEALTH!],
  reference: HEALTH!,
  minutes: 0.8,
  targets: [],
  open,
};
