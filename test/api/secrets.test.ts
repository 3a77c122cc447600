import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Answer, PROCESS_SPEC, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
let viewer: { authorization: string };
beforeAll(async () => {
  api = await startTestApi(null, { BERTH_BACKENDS: "process,ec2" });
  const { body } = await api.call("POST", "/keys", { body: { name: "viewer", scope: "viewer" } });
  viewer = { authorization: `Bearer ${body.key}` };
});
afterAll(() => api.close());

/** Twice the same would be found by chance. */
const secret = () => `s3cr3t-${randomUUID()}`;
const patch = (id: string, spec: object) => api.call("PATCH", `/workspaces/${id}`, { body: { spec } });
const kept = async (id: string) =>
  (await api.pool.query("select spec from workspaces where id = $1", [id])).rows[0].spec;
const HIDDEN = { hidden: true };

it("names every variable of a workspace and shows no value, whoever asks and wherever it is looked for", async () => {
  const [password, token] = [secret(), secret()];
  const body = {
    name: "w",
    spec: { command: ["sleep", { secret: token }], env: { PASSWORD: password } },
  };
  const headers = { "idempotency-key": randomUUID() };
  const made = await api.call("POST", "/workspaces", { body, headers });
  expect(made.status).toBe(202);
  expect(made.body.spec).toEqual({ command: ["sleep", HIDDEN], env: { PASSWORD: HIDDEN } });
  const { id } = made.body;
  const read = (path: string) => api.call("GET", path, { headers: viewer });
  const answers: [expected: number, Answer][] = [
    [202, made],
    [202, await api.call("POST", "/workspaces", { body, headers })],
    [200, await api.call("PATCH", `/workspaces/${id}`, { body: { labels: { team: "red" } } })],
    [202, await api.call("POST", `/workspaces/${id}/restart`)],
    [400, await patch(id, { command: ["a"], env: { "1": password, OK: [token] } })],
    [200, await read("/workspaces?fields=spec")],
    [200, await read(`/workspaces/${id}`)],
    [200, await read(`/workspaces/${id}/why`)],
    [200, await read(`/workspaces/${id}/operations`)],
    [200, await read("/operations")],
    [200, await read("/events")],
    [200, await api.call("GET", "/admin/queues/api/queues")],
    [202, await api.call("DELETE", `/workspaces/${id}`)],
    [200, await read("/workspaces?include_removed=true&fields=spec")],
  ];
  for (const [index, [expected, answer]] of answers.entries()) {
    expect(answer.status, `answer ${index}`).toBe(expected);
    const text = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
    expect(text, `answer ${index}`).not.toContain(password);
    expect(text, `answer ${index}`).not.toContain(token);
  }
  const jobs = await api.queues.operationsOf("process").getJobs();
  expect(jobs).not.toEqual([]);
  expect(JSON.stringify(jobs.map(({ data, opts }) => ({ data, opts })))).not.toMatch(/s3cr3t/);
});

it("shows a reference, which says nothing of its value", async () => {
  const env = { A: { secretRef: { file: "db-password" } }, B: { secretRef: { env: "WORKSPACE_TOKEN" } } };
  const { id, spec } = await api.create({ spec: { ...PROCESS_SPEC, env } });
  expect(spec.env).toEqual(env);
  expect((await kept(id)).env).toEqual(env);
});

it("shows a reference to the account of a place on EC2, which the API doesn't ask", async () => {
  const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/ws/key-AbCdEf";
  const command = ["run", { secretRef: { secretsManager: "/ws/key" } }];
  const env = {
    A: { secretRef: { ssm: "/ws/db" } },
    B: { secretRef: { ssm: "/ws/db:3" } },
    C: { secretRef: { secretsManager: arn } },
  };
  const { id, spec } = await api.create({ backend: "ec2", spec: { command, env } });
  expect(spec).toEqual({ command, env });
  expect(await kept(id)).toEqual({ command, env });
  const changed = await patch(id, { command, env: { B: null, C: HIDDEN } });
  expect(changed.body.spec.env).toEqual({ A: env.A, C: env.C });
});

it("keeps what a change doesn't give: names that aren't there, and those that come back as they were shown", async () => {
  const { id } = await api.create({
    spec: { command: ["run", { secret: "t" }], env: { A: "1", B: "2", C: "3" } },
  });
  await api.finish(id, 1);
  const { body: read } = await api.call("GET", `/workspaces/${id}`);

  expect((await patch(id, { ...read.spec, tier: 2 })).status).toBe(200);
  expect(await kept(id)).toEqual({
    command: ["run", { secret: "t" }],
    env: { A: "1", B: "2", C: "3" },
    tier: 2,
  });
  await patch(id, PROCESS_SPEC);
  expect(await kept(id)).toEqual({ ...PROCESS_SPEC, env: { A: "1", B: "2", C: "3" } });
  const changed = await patch(id, { ...PROCESS_SPEC, env: { A: "new", B: null } });
  expect(changed.body.spec.env).toEqual({ A: HIDDEN, C: HIDDEN });
  expect((await kept(id)).env).toEqual({ A: "new", C: "3" });
});

it("refuses to keep what it doesn't have, and names the field", async () => {
  const { id } = await api.create();
  const refused = await patch(id, { command: ["run", HIDDEN], env: { NOBODY: HIDDEN } });
  expect(refused).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  expect(refused.body.errors.map(({ field }: { field: string }) => field)).toEqual([
    "spec.command[1]",
    "spec.env.NOBODY",
  ]);
});

it.each([
  ["a hidden value", { env: { A: HIDDEN } }, "spec.env.A"],
  ["a path", { env: { A: { secretRef: { file: "../passwd" } } } }, "spec.env.A"],
  ["a hidden file", { env: { A: { secretRef: { file: ".x" } } } }, "spec.env.A"],
  ["a variable of Berth's", { env: { A: { secretRef: { env: "BERTH_SECRET" } } } }, "spec.env.A"],
  ["two sources", { env: { A: { secretRef: { file: "a", env: "B" } } } }, "spec.env.A"],
  ["an account's parameter for a process", { env: { A: { secretRef: { ssm: "/a" } } } }, "spec.env.A"],
  ["a parameter's ARN", { env: { A: { secretRef: { ssm: "arn:aws:ssm:a:1:parameter/a" } } } }, "spec.env.A"],
  [
    "an account's secret for a process",
    { command: ["run", { secretRef: { secretsManager: "a/b" } }] },
    "spec.command[1]",
  ],
  ["a name with a space", { env: { A: { secretRef: { secretsManager: "a b" } } } }, "spec.env.A"],
  ["a program that is a secret", { command: [{ secret: "x" }] }, "spec.command[0]"],
])("refuses %s in a new workspace", async (_, spec, field) => {
  const { status, body } = await api.call("POST", "/workspaces", {
    body: { name: "w", spec: { ...PROCESS_SPEC, ...spec } },
  });
  expect(status).toBe(400);
  expect(body.errors.map((one: { field: string }) => one.field)).toContain(field);
});
