/**
 * What the batching of heartbeats is worth: heartbeats a second over HTTP against one API process, each with the
 * token of a workspace of its own, beside `GET /health`, which does nothing, in the same run.
 * `node --import tsx --conditions=source test/bench/heartbeats.ts [workspaces] [seconds]`
 */
import { spawn } from "node:child_process";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { migrate } from "@berth/core/db/migrate";
import { createPool } from "@berth/core/db/pool";
import { startEmbeddedPostgres } from "@berth/standalone/embedded-postgres";
import { freePort } from "@berth/standalone/postgres/free-port";
import { startRedis } from "../support/redis.js";

const WORKSPACES = Number(process.argv[2] ?? 10_000);
const SECONDS = Number(process.argv[3] ?? 10);
const CONNECTIONS = 50;
/** Requests under way on a connection. */
const PIPELINED = 20;

const directory = await mkdtemp(join(tmpdir(), "bench-"));
await chmod(directory, 0o711);
const postgres = await startEmbeddedPostgres({ dataDir: directory, durable: true });
const redis = await startRedis();
await migrate(postgres.url);
const pool = createPool(postgres.url, { max: 4 });
const port = await freePort();
const api = spawn(
  process.execPath,
  ["--import", "tsx", "--conditions=source", fileURLToPath(import.meta.resolve("@berth/api/main"))],
  {
    env: {
      PATH: process.env["PATH"],
      DATABASE_URL: postgres.url,
      REDIS_URL: redis.url,
      PORT: String(port),
      HOST: "127.0.0.1",
      BERTH_ADMIN_KEY: randomUUID(),
      LOG_LEVEL: "error",
    },
    stdio: "inherit",
  },
);
const ended = once(api, "exit");
try {
  const agents = Array.from({ length: WORKSPACES }, () => ({
    id: randomUUID(),
    token: randomBytes(32).toString("base64url"),
  }));
  await pool.query(
    `insert into workspaces (id, name, backend, spec, labels, status, generation, token_hash)
     select id, 'bench', 'process', '{}', '{}', 'online', 1, hash from unnest($1::uuid[], $2::bytea[]) as a (id, hash)`,
    [agents.map(({ id }) => id), agents.map(({ token }) => createHash("sha256").update(token).digest())],
  );
  for (let up = false; !up; await delay(100))
    up = await fetch(`http://127.0.0.1:${port}/ready`).then(
      (answer) => answer.ok,
      () => false,
    );
  const health = await rateOf(() => "GET /health HTTP/1.1\r\nhost: berth\r\n\r\n");
  let next = 0;
  const beats = await rateOf(() => {
    const { id, token } = agents[next++ % agents.length]!;
    const body = JSON.stringify({ workspace_id: id, active_tasks: next % 7, error_rate: 0 });
    return (
      `POST /registry/heartbeat HTTP/1.1\r\nhost: berth\r\nauthorization: Bearer ${token}\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    );
  });
  const { rows } = await pool.query<{ n: number }>(
    "select count(*)::int as n from workspaces where last_heartbeat_at is not null",
  );
  const { rows: calls } = await pool.query<{ commits: number }>(
    "select xact_commit::int8 as commits from pg_stat_database where datname = current_database()",
  );
  console.log(`GET /health                  ${health.rate.toFixed(0).padStart(7)}/s`);
  console.log(
    `POST /registry/heartbeat     ${beats.rate.toFixed(0).padStart(7)}/s  ratio ${(beats.rate / health.rate).toFixed(2)}`,
  );
  console.log(
    `${beats.answers} answers, ${beats.refused} of them not 200; ${rows[0]!.n} of ${WORKSPACES} workspaces heard; ` +
      `${calls[0]!.commits} transactions in all`,
  );
} finally {
  api.kill("SIGTERM");
  await ended;
  await pool.end();
  await redis.stop();
  await postgres.stop();
  await rm(directory, { recursive: true, force: true });
}

/** Sends over all connections for the given time, and counts what is answered. */
async function rateOf(request: () => string): Promise<{ rate: number; answers: number; refused: number }> {
  const until = performance.now() + SECONDS * 1_000;
  let answers = 0;
  let ok = 0;
  const lane = async (): Promise<void> => {
    const socket = connect({ port, host: "127.0.0.1" });
    const send = (count: number): void => void socket.write(Array.from({ length: count }, request).join(""));
    let waiting = PIPELINED;
    let rest = "";
    socket.on("data", (chunk: Buffer) => {
      // A status line may be cut in two.
      const text = rest + chunk.toString("latin1");
      const lines = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)];
      const last = lines.at(-1);
      rest = text.slice(Math.max(last === undefined ? 0 : last.index + last[0].length, text.length - 12));
      answers += lines.length;
      ok += lines.filter(([, status]) => status === "200").length;
      waiting -= lines.length;
      if (performance.now() < until) {
        send(lines.length);
        waiting += lines.length;
      } else if (waiting === 0) socket.end();
    });
    send(PIPELINED);
    await once(socket, "close");
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
  return { rate: answers / SECONDS, answers, refused: answers - ok };
}
