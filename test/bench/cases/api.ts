import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { before, BEFORE } from "../frame/before.js";
import type { Bed } from "../frame/bed.js";
import type { Case, Opened, Sample } from "../frame/case.js";
import { rateOf, requestText, type Rate } from "../frame/http.js";
import { inLanes, now, percentile } from "../frame/run.js";
import { ADMIN_KEY, openStack, said, URL_SAID, type Stack } from "../frame/stack.js";
import { cpuOf } from "../peers/cpu.js";

const BERTH = "Berth";
const CONNECTIONS = 50;
const NEW = { name: "bench", backend: "external", labels: { team: "a" }, spec: {} };

/** Answers that say anything but what was asked for; one that is too busy for 50 at once may say so. */
function unlike(status: string, { statuses }: Rate): string[] {
  const codes = Object.entries(statuses);
  return codes.flatMap(([code, count]) => (code === status || code === "503" ? [] : [`${count} × ${code}`]));
}

async function writes(stack: Stack, seconds: number): Promise<Sample> {
  let warm = 0;
  await inLanes(10, 100, async () => {
    if ((await stack.call("POST", "/workspaces", { body: NEW })).status === 202) warm++;
  });
  await stack.idle();
  const used = stack.cpu();
  const text = requestText("POST", "/workspaces", { token: ADMIN_KEY, body: NEW });
  const load = { seconds, connections: CONNECTIONS };
  const rate = await rateOf(stack.urls[0]!, load, () => text);
  const all = stack.cpu();
  await stack.idle();
  const { rows } = await stack.pool.query<{ n: number }>(
    "select count(*)::int as n from operations where kind = 'provision' and state = 'succeeded'",
  );
  const broken = unlike("202", rate);
  const accepted = rate.statuses["202"] ?? 0;
  const perSecond = (rate.perSecond * accepted) / rate.answers;
  if (rows[0]!.n !== warm + accepted) broken.push(`${warm + accepted} accepted, ${rows[0]!.n} carried out`);

  // Half of what it can do, by the clock.
  const [times, every, from] = [[] as number[], 2_000 / perSecond, now()];
  let refused = 0;
  await Promise.all(
    Array.from({ length: Math.floor((seconds * perSecond) / 2) }, async (_, n) => {
      await new Promise((resolve) => setTimeout(resolve, from + n * every - now()));
      const answer = await stack.call("POST", "/workspaces", { body: NEW });
      times.push(answer.ms);
      if (answer.status !== 202) refused++;
    }),
  );
  await stack.idle();
  if (refused > 0) broken.push(`${refused} refused at half the rate`);
  const more = {
    "503s": rate.statuses["503"] ?? 0,
    "p95 at half of it, ms": percentile(times, 0.95),
    ...Object.fromEntries(
      (["api", "worker", "postgres", "redis"] as const).map((name) => [
        `${name}, CPU ms each`,
        (all[name] - used[name]) / accepted,
      ]),
    ),
  };
  return { value: perSecond, more, broken };
}

export const apiWrites: Case = {
  name: "api-writes",
  title: "POST /workspaces",
  what: "50 connections to one API process, while one worker carries out what is accepted: how many a second are answered 202; then half as many by the clock. A refusal, or one accepted that isn't carried out, leaves no figure. Before: commit 4894440.",
  unit: "accepted/s",
  better: "more",
  subjects: [BERTH, BEFORE],
  reference: BEFORE,
  minutes: 2.5,
  targets: [
    { what: "`POST /workspaces` accepted, × before", subject: BERTH, over: BEFORE, least: 8 },
    {
      what: "its p95 at half of that rate, ms",
      subject: BERTH,
      of: "p95 at half of it, ms",
      most: 25,
    },
  ],
  open: (bed) => ({
    async run(subject) {
      const stack = await openStack(bed, {
        backends: "external",
        lifted: true,
        ...(subject === BEFORE && { root: await before() }),
      });
      try {
        return await writes(stack, 4 * bed.scale);
      } finally {
        await stack.close();
      }
    },
  }),
};

const ONE = "Berth, one workspace";
const BARE_ONE = "bare Fastify, one workspace";
const PAGE = "Berth, a page of 50";
const BARE_PAGE = "bare Fastify, a page of 50";

async function openReads(bed: Bed): Promise<Opened> {
  const stack = await openStack(bed, { backends: "external" });
  const ids: string[] = [];
  await inLanes(5, 500, async (n) => {
    ids[n] = ((await stack.call("POST", "/workspaces", { body: NEW })).body as { id: string }).id;
  });
  await stack.idle();
  const file = fileURLToPath(new URL("../bare.ts", import.meta.url));
  const bare = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), file, stack.databaseUrl], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const bareUrl = await said(bare, URL_SAID);
  return {
    async run(subject) {
      const isOne = subject === ONE || subject === BARE_ONE;
      const isBerth = subject === ONE || subject === PAGE;
      const [base, pid] = isBerth ? [stack.urls[0]!, stack.pids.api[0]!] : [bareUrl, bare.pid!];
      const path = isOne ? `/workspaces/${ids[7]}` : "/workspaces?limit=50";
      const text = requestText("GET", path, { token: ADMIN_KEY });
      const [cpu, postgres] = [cpuOf(pid), bed.cpu().postgres];
      const load = { seconds: 3 * bed.scale, connections: CONNECTIONS };
      const rate = await rateOf(base, load, () => text);
      return {
        value: (rate.perSecond * (rate.statuses["200"] ?? 0)) / rate.answers,
        more: {
          "503s": rate.statuses["503"] ?? 0,
          "its CPU, µs each": ((cpuOf(pid) - cpu) * 1_000) / rate.answers,
          "PostgreSQL, µs each": ((bed.cpu().postgres - postgres) * 1_000) / rate.answers,
        },
        broken: unlike("200", rate),
      };
    },
    async close() {
      bare.kill("SIGKILL");
      if (bare.exitCode === null && bare.signalCode === null) await once(bare, "exit");
      await stack.close();
    },
  };
}

export const apiReads: Case = {
  name: "api-reads",
  title: "Reads beside a bare Fastify with the same SQL",
  what: "50 connections, 500 workspaces; the bare one knows no keys, limits, schemas of answers, logs or traces.",
  unit: "answers/s",
  better: "more",
  subjects: [ONE, BARE_ONE, PAGE, BARE_PAGE],
  reference: BARE_ONE,
  minutes: 1.5,
  targets: [
    { what: "GET of one, × a bare Fastify with the same SQL", subject: ONE, over: BARE_ONE, least: 0.75 },
    { what: "GET of a page of 50, × GET of one", subject: PAGE, over: ONE, least: 0.33 },
  ],
  open: openReads,
};
