#!/usr/bin/env bash
# guess:     once worker.close() was called, a worker takes no further job and waits for those that it has (its guide to
#            graceful shutdown)
# version:   bullmq 6.7.0, ioredis 6.0.0, Redis 7.0.15, Node 20.20.2
# behaviour: a worker that was waiting for work still takes and carries out the job that is added just after close() was
#            called, and close() waits for it to end. `worker.closing` is set by then, so a processor can ask it
# output:    closing when it began: true
#            a job that was added after close() was called was begun: true
#            and close() waited for it: true
# For Berth: what comes while a worker is closed is handed back at once (packages/core/src/queues/worker.ts), so that
# the grace time is that of what it had, and a rolling restart begins nothing that it would break off.
set -euo pipefail
directory=$(mktemp -d)
redis=
trap '[ -z "$redis" ] || kill "$redis"; rm -rf "$directory"' EXIT
cd "$directory"
command -v redis-server >/dev/null || apt-get install -y -qq redis-server >/dev/null
npm install --silent --no-audit --no-fund bullmq@6.7.0 ioredis@6.0.0
redis-server --port 0 --unixsocket "$directory/redis.sock" --save "" --daemonize no >/dev/null &
redis=$!
cat >seen.mjs <<'JS'
import { setTimeout as delay } from "node:timers/promises";
import { existsSync } from "node:fs";
import { Queue, Worker } from "bullmq";

while (!existsSync("redis.sock")) await delay(50);
const connection = { path: "redis.sock", maxRetriesPerRequest: null };
const queue = new Queue("work", { connection });
let begun = 0;
let ended = 0;
let closing = false;
// Some runs may lose the race, so it is run until it was seen.
for (let run = 0; run < 20 && begun === 0; run++) {
  const worker = new Worker(
    "work",
    async (job) => {
      if (job.name === "first") return;
      begun++;
      closing = worker.closing !== undefined;
      await delay(500);
      ended++;
    },
    { connection },
  );
  const first = new Promise((resolve) => worker.once("drained", resolve));
  await queue.add("first", {});
  await first;
  await delay(200);
  const closed = worker.close();
  await Promise.all([queue.add("second", {}), closed]);
  await queue.obliterate({ force: true });
}
console.log(`closing when it began: ${closing}`);
console.log(`a job that was added after close() was called was begun: ${begun === 1}`);
console.log(`and close() waited for it: ${ended === 1}`);
await queue.close();
JS
seen=$(node seen.mjs)
echo "$seen"
[ "$seen" = "closing when it began: true
a job that was added after close() was called was begun: true
and close() waited for it: true" ]
