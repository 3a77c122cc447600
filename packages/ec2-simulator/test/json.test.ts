import { expect, test } from "vitest";
import { startLab, type Lab } from "./support/simulator.js";

const LAB = {
  parameters: { "/berth/db": "of SSM" },
  secrets: { "berth/key": "of Secrets Manager", "berth/binary": { binary: "aGk=" } },
};

async function ask(lab: Lab, service: string, target: string, body: object) {
  const response = await fetch(lab.url, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": target,
      authorization: `AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/eu-west-1/${service}/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(body),
  });
  const type = response.headers.get("content-type");
  return { status: response.status, type, body: (await response.json()) as Record<string, unknown> };
}
const parameter = (lab: Lab, body: object) => ask(lab, "ssm", "AmazonSSM.GetParameter", body);
const secret = (lab: Lab, body: object) => ask(lab, "secretsmanager", "secretsmanager.GetSecretValue", body);

test("a parameter is told in the clear to who asks for that, and its call is logged without it", async () => {
  const lab = await startLab(LAB);
  expect(await parameter(lab, { Name: "/berth/db", WithDecryption: true })).toMatchObject({
    status: 200,
    type: "application/x-amz-json-1.1",
    body: {
      Parameter: {
        Name: "/berth/db",
        Value: "of SSM",
        Type: "SecureString",
        ARN: "arn:aws:ssm:eu-west-1:123456789012:parameter/berth/db",
      },
    },
  });
  const { body } = await parameter(lab, { Name: "/berth/db" });
  expect(JSON.stringify(body)).not.toContain("of SSM");
  const calls = lab.sim.calls.list({ action: "GetParameter" });
  expect(calls).toMatchObject([{ service: "ssm", key: "AKIATEST", region: "eu-west-1", outcome: "ok" }, {}]);
  expect(JSON.stringify(calls)).not.toContain("of SSM");
});

test("a secret is told by its name and by its ARN, with or without the suffix; a binary one as base64", async () => {
  const lab = await startLab(LAB);
  const { body } = await secret(lab, { SecretId: "berth/key" });
  expect(body).toMatchObject({ Name: "berth/key", SecretString: "of Secrets Manager" });
  const arn = body["ARN"] as string;
  expect(arn).toBe("arn:aws:secretsmanager:eu-west-1:123456789012:secret:berth/key-SimSim");
  for (const SecretId of [arn, arn.replace("-SimSim", "")])
    expect((await secret(lab, { SecretId })).body).toEqual(body);
  const binary = (await secret(lab, { SecretId: "berth/binary" })).body;
  expect(binary).toMatchObject({ SecretBinary: "aGk=" });
  expect(binary).not.toHaveProperty("SecretString");
});

test.each([
  ["a parameter that isn't there", parameter, { Name: "/berth/x" }, "ParameterNotFound"],
  ["a version that isn't there", parameter, { Name: "/berth/db:2" }, "ParameterVersionNotFound"],
  ["a property of every object", parameter, { Name: "constructor" }, "ParameterNotFound"],
  ["a secret that isn't there", secret, { SecretId: "berth/x" }, "ResourceNotFoundException"],
])("%s is refused with a __type, 400", async (_, call, body, code) => {
  const lab = await startLab(LAB);
  expect(await call(lab, body)).toMatchObject({ status: 400, body: { __type: code } });
});

test("a target that there is not, and a signature for another service, are refused", async () => {
  const lab = await startLab(LAB);
  const unknown = await ask(lab, "ssm", "AmazonSSM.PutParameter", {});
  expect(unknown.body["__type"]).toBe("UnknownOperationException");
  const astray = await ask(lab, "ec2", "AmazonSSM.GetParameter", { Name: "/berth/db" });
  expect(astray).toMatchObject({ status: 401, body: { __type: "AuthFailure" } });
});
