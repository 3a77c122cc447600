import { DescribeInstanceAttributeCommand } from "@aws-sdk/client-ec2";
import { getOperation } from "@berth/core/db/operations";
import { getWorkspace } from "@berth/core/db/workspaces";
import { shown } from "@berth/core/domain/secrets";
import type { Spec } from "@berth/core/domain/spec";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { describe, expect, test } from "vitest";
import { BY_TEST, newWorkspace } from "../../support/fleet.js";
import { ended } from "../../support/wait.js";
import { type Ec2Fleet, openEc2Fleet } from "./fleet.js";
import { CREDENTIALS, REGION } from "./harness.js";
import { openLab } from "./lab.js";

const ARN = `arn:aws:secretsmanager:${REGION}:123456789012:secret:/ws/api-SimSim`;
const VALUES = { db: "hunter2-of-ssm", api: "hunter2-of-the-manager", argument: "hunter2-in-a-command" };
const SPEC: Spec = {
  command: ["run", { secretRef: { ssm: "/ws/argument" } }],
  env: {
    DB: { secretRef: { ssm: "/ws/db" } },
    DB_TOO: { secretRef: { ssm: "/ws/db" } },
    API: { secretRef: { secretsManager: "/ws/api" } },
    API_TOO: { secretRef: { secretsManager: ARN } },
  },
  readiness: "running",
};

async function open() {
  const parameters: Record<string, string> = { "/ws/db": VALUES.db, "/ws/argument": VALUES.argument };
  const secrets = { "/ws/api": VALUES.api };
  const fleet = await openEc2Fleet({
    env: { BERTH_SECRETS_AWS_PREFIX: "/ws/", BERTH_RETRY_ATTEMPTS: "1" },
    server: { parameters, secrets },
  });
  return { fleet, parameters };
}

const create = async (fleet: Ec2Fleet, spec = SPEC) => {
  const { operation } = await createWorkspace(
    fleet.context,
    { ...newWorkspace(), backend: "ec2", spec },
    BY_TEST,
  );
  return await outcome(fleet, operation.id);
};
const restart = async (fleet: Ec2Fleet, id: string) =>
  outcome(fleet, (await requestRestart(fleet.context, id, BY_TEST)).operation.id);
const outcome = async ({ pool }: Ec2Fleet, operationId: string) => {
  await ended(pool, [operationId]);
  const operation = (await getOperation(pool, operationId))!;
  return { operation, workspace: (await getWorkspace(pool, operation.workspace_id))! };
};
const asked = ({ lab }: Ec2Fleet) =>
  lab.sim.calls.list().filter(({ service }) => service === "ssm" || service === "secretsmanager");

test("an instance gets what its place's account says, asked once; nobody else ever sees it", async () => {
  const { fleet } = await open();
  const { operation, workspace } = await create(fleet);
  expect(operation).toMatchObject({ state: "succeeded", error: null });

  const { UserData } = await fleet.lab.operator.send(
    new DescribeInstanceAttributeCommand({ InstanceId: workspace.instance_id!, Attribute: "userData" }),
  );
  const script = Buffer.from(UserData!.Value!, "base64").toString();
  for (const line of [
    `export DB='${VALUES.db}'`,
    `export DB_TOO='${VALUES.db}'`,
    `export API='${VALUES.api}'`,
    `export API_TOO='${VALUES.api}'`,
    `exec 'run' '${VALUES.argument}'`,
  ])
    expect(script).toContain(line);

  const by = { key: CREDENTIALS.accessKeyId, region: REGION, outcome: "ok" };
  expect(asked(fleet).map(({ params, ...call }) => ({ ...call, params }))).toMatchObject([
    { ...by, action: "GetParameter", params: { Name: "/ws/argument" } },
    { ...by, action: "GetParameter", params: { Name: "/ws/db" } },
    { ...by, action: "GetSecretValue", params: { SecretId: "/ws/api" } },
    { ...by, action: "GetSecretValue", params: { SecretId: ARN } },
  ]);

  expect(shown(workspace.spec)).toEqual(SPEC);
  const { rows } = await fleet.pool.query<{ text: string }>(
    `select coalesce(string_agg(t, ''), '') as text from (
       select to_jsonb(w)::text as t from workspaces w union all select to_jsonb(o)::text from operations o
       union all select to_jsonb(r)::text from resources r union all select to_jsonb(e)::text from structure_events e) x`,
  );
  expect(rows[0]!.text).toContain(workspace.id);
  expect(rows[0]!.text).not.toContain("hunter2");
  expect(fleet.logged.join("")).not.toContain("hunter2");
});

test("what AWS repeats of a secret in a refusal is taken out of it", async () => {
  const { fleet } = await open();
  const message = `no such thing: ${VALUES.db} ${VALUES.argument}`;
  fleet.lab.fault({ kind: "error", action: "RunInstances", code: "InvalidUserData.Malformed", message });
  const { operation } = await create(fleet);
  expect(operation.error?.message).toContain("no such thing: [redacted] [redacted]");
  expect(fleet.logged.join("")).not.toContain("hunter2");
});

describe("a restart whose secret can't be had leaves what runs (I14)", () => {
  test.each([
    ["isn't there", null, "secret_not_found", /spec\.env\.DB: the parameter "\/ws\/db": ParameterNotFound/],
    ["is refused", "AccessDeniedException", "credentials", /the parameter "\/ws\/argument"/],
    ["is asked for with old credentials", "ExpiredTokenException", "credentials", /"\/ws\/argument"/],
    ["is asked for too often", "ThrottlingException", "throttled", /"\/ws\/argument"/],
  ])("since it %s, and the next one goes on", async (_, code, expected, message) => {
    const { fleet, parameters } = await open();
    const { workspace: before } = await create(fleet);
    if (code === null) delete parameters["/ws/db"];
    else fleet.lab.fault({ kind: "error", action: "GetParameter", code });

    const { operation, workspace } = await restart(fleet, before.id);
    expect(operation).toMatchObject({
      state: "failed",
      error: { code: expected, message: expect.stringMatching(message) },
    });
    const { instance_id, generation } = before;
    expect(workspace).toMatchObject({ status: "online", instance_id, generation });
    expect(fleet.lab.alive()).toEqual([instance_id]);
    expect(fleet.lab.calls("TerminateInstances")).toEqual([]);

    parameters["/ws/db"] = "hunter2-anew";
    fleet.lab.clearFaults();
    expect(await restart(fleet, before.id)).toMatchObject({
      operation: { state: "succeeded" },
      workspace: { status: "online", generation: generation + 1 },
    });
  });
});

test("a name without the worker's prefix isn't even asked for", async () => {
  const { fleet, parameters } = await open();
  parameters["/prod/db"] = "hunter2-not-yours";
  const { operation } = await create(fleet, {
    ...SPEC,
    command: ["run", { secretRef: { ssm: "/prod/db" } }],
  });
  expect(operation).toMatchObject({ state: "failed", error: { code: "secret_not_found" } });
  expect(operation.error!.message).toMatch(/spec\.command\[1\]: the parameter "\/prod\/db"/);
  expect(asked(fleet)).toEqual([]);
});

describe("an account that is asked for a secret", () => {
  const SERVER = { parameters: { p: "value" }, secrets: { s: "value", binary: { binary: "aGk=" } } };

  test.each([
    ["ParameterVersionNotFound", 400, "secret_not_found"],
    ["InvalidRequestException", 400, "secret_not_found"],
    ["DecryptionFailure", 400, "secret_not_found"],
    ["AccessDeniedException", 400, "credentials"],
    ["InvalidSignatureException", 400, "credentials"],
    ["UnrecognizedClientException", 400, "credentials"],
    ["ExpiredTokenException", 400, "credentials"],
    ["ThrottlingException", 400, "throttled"],
    ["InternalServerError", 500, "backend_failed"],
    ["SomethingNewException", 400, "backend_failed"],
  ])("and says %s fails with what may pass (K2)", async (code, status, expected) => {
    const lab = await openLab(SERVER);
    lab.fault({ kind: "error", action: "GetSecretValue", code, status });
    await expect(lab.backend.secretOf!({ secretsManager: "s" }, lab.call)).rejects.toMatchObject({
      code: expected,
      passing: true,
    });
  });

  test.each([
    ["doesn't answer", { kind: "drop_before" }, "backend_unreachable"],
    ["is hidden by a proxy's page", { kind: "html", status: 200 }, "backend_unreachable"],
    ["is late", { kind: "latency", ms: 2_000 }, "backend_timeout"],
  ] as const)("and %s proves nothing", async (_, fault, expected) => {
    const lab = await openLab(SERVER, { callTimeoutMs: 200 });
    lab.fault({ ...fault, action: "GetParameter" });
    await expect(lab.backend.secretOf!({ ssm: "p" }, lab.call)).rejects.toMatchObject({
      code: expected,
      passing: true,
    });
  });

  test("gives texts only: a binary one is refused in words", async () => {
    const lab = await openLab(SERVER);
    expect(await lab.backend.secretOf!({ secretsManager: "s" }, lab.call)).toBe("value");
    expect(await lab.backend.secretOf!({ ssm: "p" }, lab.call)).toBe("value");
    await expect(lab.backend.secretOf!({ secretsManager: "binary" }, lab.call)).rejects.toMatchObject({
      code: "secret_not_found",
      message: expect.stringContaining("binary"),
    });
  });
});
