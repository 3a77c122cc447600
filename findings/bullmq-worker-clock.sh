#!/usr/bin/env bash
# guess:     a delayed job is due by Redis's clock, the one that all workers share; a scheduler that is upserted anew is
#            set right by that
# version:   bullmq 6.7.0, ioredis 6.0.0, Redis 7.0.15, Node 20.20.2
# behaviour: the worker that looks judges by its own clock, so one that is 2 minutes fast runs a job of 60 s at once. A
#            scheduler whose next run was set by a clock that was then put back an hour runs nothing, and upserting it
#            with the same interval doesn't mend it; removing it first does
# output:    a job of 60 s ran within 5 s: true
#            runs within 5 s after the clock went back: 0
#            after upserting again: 0
#            after removing and upserting: some
# For Berth: no promise rests on when a job comes; the dispatch sweep and the row say what is due, by the database's clock,
# and the sweeper removes a scheduler that is late before it makes it anew (apps/worker/src/sweeper.ts).
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

// This process's clock, as whoever sets the machine's would change it.
let wrongBy = 0;
const right = Date.now.bind(Date);
Date.now = () => right() + wrongBy;

while (!existsSync("redis.sock")) await delay(50);
const connection = { path: "redis.sock", maxRetriesPerRequest: null };
const counted = (name) => {
  const queue = new Queue(name, { connection });
  const seen = { runs: 0 };
  const worker = new Worker(name, async () => void seen.runs++, { connection });
  return { queue, seen, close: () => Promise.all([worker.close(), queue.close()]) };
};

const producer = new Queue("delayed", { connection });
await producer.add("job", {}, { delay: 60_000 });
wrongBy = 120_000;
const fast = counted("delayed");
await delay(5_000);
console.log(`a job of 60 s ran within 5 s: ${fast.seen.runs === 1}`);
await Promise.all([fast.close(), producer.close()]);

wrongBy = 0;
const { queue, seen, close } = counted("scheduled");
await queue.upsertJobScheduler("beat", { every: 1_000 });
while (seen.runs < 2) await delay(50);
wrongBy = -3_600_000;
// What was due already may still come.
await delay(2_000);
seen.runs = 0;
await delay(5_000);
console.log(`runs within 5 s after the clock went back: ${seen.runs}`);
await queue.upsertJobScheduler("beat", { every: 1_000 });
await delay(5_000);
console.log(`after upserting again: ${seen.runs}`);
await queue.removeJobScheduler("beat");
await queue.upsertJobScheduler("beat", { every: 1_000 });
await delay(5_000);
console.log(`after removing and upserting: ${seen.runs > 0 ? "some" : seen.runs}`);
await close();
JS
seen=$(node seen.mjs)
echo "$seen"
[ "$seen" = "a job of 60 s ran within 5 s: true
runs within 5 s after the clock went back: 0
after upserting again: 0
after removing and upserting: some" ]
