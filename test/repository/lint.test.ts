import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface Direction {
  file: string;
  refused: readonly string[];
  allowed: readonly string[];
}

/** What each folder may import, and what it may not. Every case below is linted in one run. */
const DIRECTIONS: readonly Direction[] = [
  {
    file: "packages/core/src/domain/lint.ts",
    refused: [
      "../base/errors.js",
      "../config/config.js",
      "../db/pool.js",
      "../compute/backend.js",
      "node:fs",
      "pg",
      "./../db/pool.js",
    ],
    allowed: ["./status.js"],
  },
  {
    file: "packages/core/src/config/lint.ts",
    refused: ["../base/errors.js", "../db/pool.js", "pg"],
    allowed: ["./kinds.js", "../domain/spec.js", "node:path", "fastest-levenshtein"],
  },
  {
    file: "packages/core/src/base/lint.ts",
    refused: ["../domain/status.js", "../db/pool.js", "../queues/producer.js", "pg", "bullmq"],
    allowed: [
      "./errors.js",
      "../config/config.js",
      "node:events",
      "pino",
      "ioredis",
      "rate-limiter-flexible",
    ],
  },
  {
    file: "packages/core/src/base/errors.ts",
    refused: ["../config/config.js", "./clock.js", "node:fs", "../domain/status.js"],
    allowed: [],
  },
  { file: "packages/core/src/base/clock.ts", refused: ["./errors.js"], allowed: [] },
  {
    file: "packages/core/src/metrics/lint.ts",
    refused: ["../queues/producer.js", "../operations/runner.js", "../requests/accept.js", "pg", "fastify"],
    allowed: ["./figures.js", "../db/pool.js", "../gate/dispatcher.js", "node:fs", "prom-client"],
  },
  {
    file: "packages/core/src/db/lint.ts",
    refused: [
      "../compute/backend.js",
      "../gate/gate.js",
      "../requests/accept.js",
      "../operations/runner.js",
      "../sweeps/run.js",
      "../queues/producer.js",
      "bullmq",
      "dockerode",
      "./../gate/gate.js",
    ],
    allowed: ["./pool.js", "../domain/status.js", "../base/errors.js", "node:fs/promises", "pg"],
  },
  {
    file: "packages/core/src/compute/lint.ts",
    refused: [
      "../db/pool.js",
      "../gate/gate.js",
      "../operations/launch.js",
      "dockerode",
      "pg",
      "@aws-sdk/client-ec2",
    ],
    allowed: ["./backend.js", "../domain/spec.js", "../base/errors.js"],
  },
  {
    file: "packages/core/src/compute/docker/lint.ts",
    refused: ["../../db/pool.js", "../../gate/gate.js", "../process/backend.js", "@aws-sdk/client-ec2"],
    allowed: ["./backend.js", "../backend.js", "../../domain/spec.js", "../../base/logger.js", "dockerode"],
  },
  {
    file: "packages/core/src/compute/process/lint.ts",
    refused: ["../../db/pool.js", "../docker/backend.js", "dockerode"],
    allowed: ["./backend.js", "../backend.js", "../../domain/spec.js", "node:child_process"],
  },
  {
    file: "packages/core/src/compute/ec2/lint.ts",
    refused: ["../../db/pool.js", "../docker/backend.js", "dockerode"],
    allowed: ["../backend.js", "../../domain/spec.js", "@aws-sdk/client-ec2"],
  },
  {
    file: "packages/core/src/gate/lint.ts",
    refused: [
      "../requests/accept.js",
      "../operations/runner.js",
      "../agents/heartbeat.js",
      "../webhooks/deliver.js",
      "../sweeps/run.js",
      "../queues/producer.js",
      "../compute/docker/backend.js",
      "bullmq",
      "pg",
    ],
    allowed: ["./gate.js", "../db/gates.js", "../compute/backend.js", "../base/clock.js", "node:timers"],
  },
  {
    file: "packages/core/src/requests/lint.ts",
    refused: [
      "../operations/runner.js",
      "../operations/step.js",
      "../compute/backend.js",
      "../agents/heartbeat.js",
      "../webhooks/sign.js",
      "../sweeps/run.js",
      "../queues/producer.js",
      "../compute/docker/backend.js",
      "bullmq",
      "pg",
      "pino",
    ],
    allowed: ["../gate/gate.js", "../db/pool.js", "../base/webhook-secret.js", "node:crypto"],
  },
  {
    file: "packages/core/src/operations/lint.ts",
    refused: [
      "../requests/accept.js",
      "../requests/suspend.js",
      "../agents/heartbeat.js",
      "../sweeps/run.js",
      "../queues/producer.js",
      "../compute/docker/backend.js",
      "bullmq",
      "pg",
    ],
    allowed: ["../gate/gate.js", "../compute/backend.js", "../db/pool.js", "../base/logger.js"],
  },
  {
    file: "packages/core/src/agents/lint.ts",
    refused: ["../requests/accept.js", "../operations/step.js", "../sweeps/run.js", "bullmq", "pg"],
    allowed: ["../gate/gate.js", "../db/refs.js", "../compute/backend.js", "../db/pool.js"],
  },
  {
    file: "packages/core/src/webhooks/lint.ts",
    refused: ["../operations/runner.js", "../sweeps/run.js", "../compute/backend.js", "bullmq", "pg"],
    allowed: ["../db/webhooks.js", "../base/errors.js", "node:dns", "ipaddr.js"],
  },
  {
    file: "packages/core/src/queues/lint.ts",
    refused: [
      "../requests/accept.js",
      "../operations/runner.js",
      "../sweeps/run.js",
      "ioredis",
      "pg",
      "fastify",
    ],
    allowed: ["bullmq", "../base/redis.js", "../db/pool.js", "../gate/dispatcher.js"],
  },
  {
    file: "packages/core/src/sweeps/lint.ts",
    refused: ["../queues/producer.js", "bullmq", "pg", "../compute/docker/backend.js"],
    allowed: [
      "../requests/accept.js",
      "../operations/stop.js",
      "../agents/heartbeat.js",
      "../gate/gate.js",
      "../db/gates.js",
      "../domain/status.js",
    ],
  },
  // A new folder imports nothing until it is said what.
  {
    file: "packages/core/src/new/lint.ts",
    refused: ["../base/clock.js", "pg", "node:fs"],
    allowed: ["./a.js"],
  },
  {
    file: "apps/api/src/lint.ts",
    refused: [
      "@berth/worker/start",
      "@berth/standalone/standalone",
      "../../worker/src/start.js",
      "pg",
      "dockerode",
    ],
    allowed: ["@berth/core/db/pool", "fastify", "@fastify/swagger", "@bull-board/api", "bullmq", "./main.js"],
  },
  {
    file: "apps/worker/src/lint.ts",
    refused: ["@berth/api/server", "@berth/standalone/standalone", "fastify", "pg", "dockerode"],
    allowed: ["@berth/core/gate/gate", "bullmq"],
  },
  {
    file: "apps/standalone/src/lint.ts",
    refused: ["pg", "fastify", "bullmq", "dockerode", "../../api/src/server.js"],
    allowed: ["@berth/api/server", "@berth/worker/start", "@berth/core/config/config"],
  },
  {
    file: "test/harness/audit/lint.ts",
    refused: ["@berth/core/db/pool", "berth-ec2-simulator/server", "../run.js", "../../support/redis.js"],
    allowed: ["./record.js", "./checks/order.js", "node:fs/promises", "pg"],
  },
  {
    file: "test/harness/audit/checks/lint.ts",
    refused: ["@berth/core/domain/operation", "../../run.js", "pg"],
    allowed: ["../record.js", "../view.js"],
  },
  {
    file: "apps/standalone/src/postgres/lint.ts",
    refused: ["bullmq", "fastify"],
    allowed: ["pg", "../start-error.js"],
  },
  {
    file: "apps/demo/src/lint.ts",
    refused: ["@berth/core/db/pool", "@berth/api/server", "pg", "../../../packages/core/src/base/errors.js"],
    allowed: ["./client.js", "node:fs/promises"],
  },
  {
    file: "apps/cli/src/lint.ts",
    refused: [
      "@berth/core/base/errors",
      "@berth/api/description",
      "@berth/standalone/standalone",
      "openapi-fetch",
    ],
    allowed: ["./exit.js", "@berth/client", "commander", "node:child_process"],
  },
  {
    file: "packages/client/src/lint.ts",
    refused: [
      "@berth/core/base/errors",
      "@berth/api/description",
      "fastify",
      "node:fs",
      "openapi-typescript",
    ],
    allowed: ["./errors.js", "./generated/openapi.js", "openapi-fetch", "eventsource-parser"],
  },
  {
    file: "packages/ec2-simulator/src/lint.ts",
    refused: ["@berth/core/base/errors", "@aws-sdk/client-ec2", "fastify"],
    allowed: ["./world.js", "fast-xml-parser", "node:http"],
  },
];

/** Further rules that hold the tree together: where, what, and which rule must object. */
const OFFENCES: readonly { what: string; file: string; code: string; rule: string }[] = [
  {
    what: "reads the environment outside config",
    file: "packages/core/src/gate/offence-env.ts",
    code: "export const level = process.env.LOG_LEVEL;",
    rule: "no-restricted-properties",
  },
  {
    what: "takes the environment apart outside config",
    file: "apps/worker/src/offence-env.ts",
    code: "export const { env } = process;",
    rule: "no-restricted-properties",
  },
  {
    what: "reaches the environment through globalThis",
    file: "apps/api/src/offence-env.ts",
    code: "export const level = globalThis.process.env.LOG_LEVEL;",
    rule: "no-restricted-properties",
  },
  {
    what: "reaches the environment through node:process",
    file: "packages/core/src/db/offence-env.ts",
    code: 'export { env } from "node:process";',
    rule: "no-restricted-imports",
  },
  {
    what: "imports in a circle",
    file: "apps/worker/src/circle-a.ts",
    code: 'import { b } from "./circle-b.js";\nexport const a = (): number => b() + 1;',
    rule: "no-cycle",
  },
  {
    what: "imports a forbidden type",
    file: "packages/core/src/operations/offence-type.ts",
    code: 'import type { Job } from "bullmq";\nexport type Mine = Job;',
    rule: "no-restricted-imports",
  },
  {
    what: "imports at run time what is forbidden",
    file: "packages/core/src/sweeps/offence-dynamic.ts",
    code: 'export const load = async (): Promise<unknown> => import("dockerode");',
    rule: "no-restricted-imports",
  },
  {
    what: "forgets a promise",
    file: "apps/worker/src/offence-promise.ts",
    code: "const work = async (): Promise<number> => Promise.resolve(1);\nexport function start(): void {\n  work();\n}",
    rule: "no-floating-promises",
  },
  {
    what: "takes a promise for a condition",
    file: "apps/worker/src/offence-condition.ts",
    code: "const ready = async (): Promise<boolean> => Promise.resolve(false);\nexport const go = (): number => (ready() ? 1 : 2);",
    rule: "no-misused-promises",
  },
];

interface Diagnostic {
  code: string;
  filename: string;
  labels: readonly { span: { line: number } }[];
}

describe("the linter's rules", () => {
  let tree: string;
  let found: Diagnostic[];

  beforeAll(async () => {
    tree = await mkdtemp(join(tmpdir(), "lint-"));
    for (const name of [".oxlintrc.json", "tsconfig.base.json"]) await cp(join(ROOT, name), join(tree, name));
    await symlink(join(ROOT, "node_modules"), join(tree, "node_modules"));
    await write(
      tree,
      "tsconfig.json",
      '{ "extends": "./tsconfig.base.json", "include": ["apps", "packages", "test"] }',
    );
    await write(
      tree,
      "apps/worker/src/circle-b.ts",
      'import { a } from "./circle-a.js";\nexport const b = (): number => a();',
    );
    // One import a line, so that a line of the report is an entry of the table.
    for (const { file, refused, allowed } of DIRECTIONS)
      await write(
        tree,
        file,
        [...refused, ...allowed].map((name) => `import ${JSON.stringify(name)};`).join("\n"),
      );
    for (const { file, code } of OFFENCES) await write(tree, file, code);
    found = await lint(tree);
  });
  afterAll(() => rm(tree, { recursive: true, force: true }));

  it.each(DIRECTIONS)("let $file import what is below it, and nothing else", ({ file, refused, allowed }) => {
    const lines = found
      .filter((one) => one.filename === file && one.code.includes("no-restricted-imports"))
      .map((one) => [...refused, ...allowed][one.labels[0]!.span.line - 1]!);
    expect(lines.toSorted()).toEqual(refused.toSorted());
  });

  it.each(OFFENCES)("refuse code that $what", ({ file, rule }) => {
    const rules = found.filter((one) => one.filename === file).map((one) => one.code);
    expect(rules).toContainEqual(expect.stringContaining(`(${rule})`));
  });
});

async function write(tree: string, file: string, text: string): Promise<void> {
  await mkdir(dirname(join(tree, file)), { recursive: true });
  await writeFile(join(tree, file), `${text}\n`);
}

async function lint(cwd: string): Promise<Diagnostic[]> {
  const run = promisify(execFile)(
    join(ROOT, "node_modules/.bin/oxlint"),
    // Named, since without them it would walk through the linked node_modules as well.
    ["--type-aware", "--format", "json", "apps", "packages", "test"],
    { cwd, maxBuffer: 2 ** 26 },
  );
  // It exits with 1 when it finds something.
  const { stdout } = await run.catch((error: { stdout: string }) => error);
  return (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics;
}
