import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { ensureCommands } from "../support/apt.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DIRECTORY = join(ROOT, "deploy/prometheus");
const DASHBOARDS = join(ROOT, "deploy/grafana/dashboards");
const text = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const run = promisify(execFile);

const { groups } = parse(text("deploy/prometheus/alerts.yml")) as {
  groups: { rules: { alert: string; expr: string; annotations: { runbook_url: string } }[] }[];
};
const alerts = groups.flatMap(({ rules }) => rules);
const scenarios = (parse(text("deploy/prometheus/alerts.test.yml")) as { tests: { name: string }[] }).tests;
/** What docs/metrics.md has, which a test of its own compares with what is served. */
const figures = new Map(
  [...text("docs/metrics.md").matchAll(/^\| `(berth_\w+)` +\| (\w+)/gm)].map(([, name, type]) => [
    name!,
    type!,
  ]),
);

let promtool: string;
beforeAll(async () => {
  ({ promtool } = await ensureCommands({ promtool: "prometheus" }));
}, 300_000);

/** The figures that an expression names and that nothing serves; of a histogram its parts are served, and not its bare name. */
function unknown(expression: string): string[] {
  return [...expression.matchAll(/\bberth_\w+/g)]
    .map(([name]) => name)
    .filter((name) => {
      const whole = name.replace(/_(bucket|sum|count)$/, "");
      return figures.get(name) === undefined
        ? figures.get(whole) !== "histogram"
        : figures.get(name) === "histogram";
    });
}

describe("the alerts", () => {
  it("are rules that Prometheus takes", async () => {
    await run(promtool, ["check", "rules", "alerts.yml"], { cwd: DIRECTORY });
    await run(promtool, ["check", "config", "--syntax-only", "prometheus.yml"], { cwd: DIRECTORY });
  });

  it("fire where it is deserved, and stay silent where all is well", async () => {
    await run(promtool, ["test", "rules", "alerts.test.yml"], { cwd: DIRECTORY });
    expect(scenarios.map(({ name }) => name).toSorted()).toEqual(
      alerts.flatMap(({ alert }) => [`${alert} fires`, `${alert} stays silent`]).toSorted(),
    );
  });

  it("name figures that are served", () => {
    expect(alerts.flatMap(({ expr }) => unknown(expr))).toEqual([]);
    expect(unknown("rate(berth_nothing_total[5m]) + berth_step_duration_seconds")).toHaveLength(2);
  });

  it("have a section each that says what to do", () => {
    const sections = [...text("docs/alerts.md").matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
    expect(sections).toEqual(alerts.map(({ alert }) => alert));
    for (const { alert, annotations } of alerts)
      expect(annotations.runbook_url).toBe(`docs/alerts.md#${alert.toLowerCase()}`);
  });
});

describe.each(readdirSync(DASHBOARDS))("the dashboard %s", (file) => {
  const board = JSON.parse(readFileSync(join(DASHBOARDS, file), "utf8")) as {
    uid: string;
    templating: { list: { query: string }[] };
    panels: { title: string; targets: { expr: string }[] }[];
  };
  const expressions = board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

  it("names figures that are served", () => {
    expect(expressions.length).toBeGreaterThan(5);
    expect([...expressions, ...board.templating.list.map(({ query }) => query)].flatMap(unknown)).toEqual([]);
  });

  it("asks in words that Prometheus understands", async () => {
    const filled = expressions.map((one) => one.replaceAll("$__rate_interval", "5m"));
    const rules = filled.map((expr, n) => ({ record: `panel:${n}`, expr }));
    const directory = mkdtempSync(join(tmpdir(), "panels-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const path = join(directory, "rules.json");
    writeFileSync(path, JSON.stringify({ groups: [{ name: "panels", rules }] }));
    await run(promtool, ["check", "rules", path]);
  });
});
