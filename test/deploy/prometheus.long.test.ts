import { once } from "node:events";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@berth/standalone/postgres/free-port";
import { expect, it, onTestFinished } from "vitest";
import { parse, stringify } from "yaml";
import { ensureCommands } from "../support/apt.js";
import { call, create, HERE, openDeployment } from "../support/deployment.js";
import { createTestDatabase } from "../support/postgres.js";
import { alertsOf, healthOfTargets, rulesOf, seriesOf } from "./prometheus.js";

const BOARDS = join(HERE, "deploy/grafana/dashboards");
/** What the panels show of things that haven't happened here: failures, webhooks, streams, leaks, a capacity. */
const QUIET = [
  "Age of the oldest of them",
  "Attempts that didn't succeed",
  "Calls that failed",
  "Capacity",
  "Heartbeats a second",
  "Oldest that waits",
  "Refused records",
  "Their cost an hour",
  "To go and still there",
  "Unfinished operations",
  "Webhooks",
];

interface Board {
  readonly panels: readonly { title: string; targets: readonly { expr: string }[] }[];
}

/** The Prometheus of Debian with deploy/prometheus, looking every second at these instead of at Compose's names. */
async function startPrometheus(targets: Readonly<Record<string, string>>, key: string): Promise<string> {
  const { prometheus } = await ensureCommands({ prometheus: "prometheus" });
  const directory = await mkdtemp(join(tmpdir(), "prometheus-"));
  const config = parse(await readFile(join(HERE, "deploy/prometheus/prometheus.yml"), "utf8")) as {
    scrape_configs: { job_name: string; authorization?: object; dns_sd_configs?: unknown }[];
  };
  const keyFile = join(directory, "key");
  await writeFile(keyFile, key);
  const scrape_configs = config.scrape_configs.map(({ dns_sd_configs, ...job }) => {
    expect(dns_sd_configs).toBeDefined();
    const authorization = job.authorization && { authorization: { credentials_file: keyFile } };
    return { ...job, ...authorization, static_configs: [{ targets: [targets[job.job_name]] }] };
  });
  const file = join(directory, "prometheus.yml");
  const global = { scrape_interval: "1s", evaluation_interval: "1s" };
  const rule_files = [join(HERE, "deploy/prometheus/alerts.yml")];
  await writeFile(file, stringify({ ...config, global, rule_files, scrape_configs }));
  const port = await freePort();
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${directory}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const child = spawn(prometheus, args, { stdio: "ignore" });
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await once(child, "exit");
    await rm(directory, { recursive: true });
  });
  return `http://127.0.0.1:${port}`;
}

it("a Prometheus finds API and worker, every alert is silent and every panel has an answer; a worker that dies is told", async () => {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const workerPort = await freePort();
  const deployment = await openDeployment(() => database.url);
  const api = await deployment.startApi(HERE);
  const worker = await deployment.startWorker(HERE, "worker", { BERTH_WORKER_PORT: String(workerPort) });
  const { key } = await call<{ key: string }>(api, "POST", "/keys", { name: "prometheus", scope: "viewer" });
  const url = await startPrometheus(
    { "berth-api": new URL(api.url).host, "berth-worker": `127.0.0.1:${workerPort}` },
    key,
  );
  await expect.poll(() => healthOfTargets(url).catch(String)).toEqual(["berth-api up", "berth-worker up"]);
  for (const backend of ["process", "ec2"] as const) {
    const { id } = await create(api, backend, `on-${backend}`);
    await call(api, "POST", `/workspaces/${id}/restart`);
    await call(api, "DELETE", `/workspaces/${id}`);
  }
  const stays = await create(api, "process", "stays");

  const panels = readdirSync(BOARDS).flatMap(
    (name) => (JSON.parse(readFileSync(join(BOARDS, name), "utf8")) as Board).panels,
  );
  const filled = (expr: string) =>
    expr
      .replaceAll("$__rate_interval", "1m")
      .replaceAll("$instance", `127.0.0.1:${workerPort}`)
      .replaceAll("$place", ".*");
  const empty = async () => {
    const found = await Promise.all(
      panels.map(async ({ title, targets }) => {
        const series = await Promise.all(targets.map(({ expr }) => seriesOf(url, filled(expr))));
        return series.every((count) => count > 0) ? [] : [title];
      }),
    );
    return found.flat().filter((title) => !QUIET.includes(title));
  };
  await expect.poll(empty).toEqual([]);

  const rules = await rulesOf(url);
  expect(rules.map(({ name }) => name)).toEqual(await alertsOf(url));
  expect(rules.length).toBeGreaterThan(10);
  expect(rules.filter(({ health, state }) => health !== "ok" || state !== "inactive")).toEqual([]);
  await call(api, "DELETE", `/workspaces/${stays.id}`);
  await worker.kill();
  const down = async () => (await rulesOf(url)).find(({ name }) => name === "BerthDown")!.state;
  await expect.poll(down).toBe("pending");
}, 300_000);
