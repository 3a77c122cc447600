import * as sdk from "@aws-sdk/client-ec2";
import { ACTIONS } from "berth-ec2-simulator/ec2/actions";
import fc from "fast-check";
import { expect, test } from "vitest";
import { startLab, type Lab } from "./support/simulator.js";

const SIGNED =
  "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=0";

interface Raw {
  status: number;
  code: string | undefined;
  text: string;
}

async function call(
  lab: Lab,
  body: string,
  headers: Record<string, string> = { authorization: SIGNED },
): Promise<Raw> {
  const type = { "content-type": "application/x-www-form-urlencoded" };
  const response = await fetch(lab.url, { method: "POST", body, headers: { ...type, ...headers } });
  const text = await response.text();
  return { status: response.status, code: /<Code>(.*?)<\/Code>/.exec(text)?.[1], text };
}

const query = (action: string, more = "") => `Action=${action}&Version=2016-11-15${more && `&${more}`}`;

test("a call without a signature is MissingAuthenticationToken, 403 [M]", async () => {
  const lab = await startLab();
  expect(await call(lab, query("DescribeInstances"), {})).toMatchObject({
    status: 403,
    code: "MissingAuthenticationToken",
  });
  expect(lab.sim.calls.list()[0]).toMatchObject({ key: null, outcome: "MissingAuthenticationToken" });
});

test.each([
  ["one that can't be read", "Basic dXNlcjpwYXNz"],
  ["one for another service", SIGNED.replace("/ec2/", "/s3/")],
  ["one for no Region", SIGNED.replace("/eu-west-1/", "/moon/")],
])("a signature, but %s, is AuthFailure, 401 [M]", async (_, authorization) => {
  const lab = await startLab();
  expect(await call(lab, query("DescribeInstances"), { authorization })).toMatchObject({
    status: 401,
    code: "AuthFailure",
  });
});

test("a GET with the parameters in its query is answered as well [M]", async () => {
  const lab = await startLab();
  const response = await fetch(`${lab.url}/?${query("DescribeInstances")}`, {
    headers: { authorization: SIGNED },
  });
  expect(response.status).toBe(200);
  expect(await response.text()).toContain("<DescribeInstancesResponse xmlns=");
});

test.each([
  ["Version=2016-11-15", "MissingAction"],
  ["Action=DescribeInstances", "MissingParameter"],
  ["Action=DescribeInstances&Version=2012-01-01", "NoSuchVersion"],
  [query("MakeCoffee"), "InvalidAction"],
  [query("constructor"), "InvalidAction"],
  [query("DescribeInstances", "Colour=red"), "UnknownParameter"],
  [query("DescribeInstances", "InstanceId=i-0123456789abcdef0"), "UnknownParameter"],
  [query("DescribeInstances", "InstanceId.x=i-0123456789abcdef0"), "UnknownParameter"],
  [query("DescribeInstances", "InstanceId.1.Name=i-0123456789abcdef0"), "UnknownParameter"],
  [query("DescribeInstances", "MaxResults=many"), "InvalidParameterValue"],
  [query("DescribeInstances", "DryRun=perhaps"), "InvalidParameterValue"],
  [query("DescribeInstances", "Filter.1.Value.1=a"), "MissingParameter"],
  [query("DescribeInstances", "Filter.1=a&Filter.1.Name=b"), "MalformedQueryString"],
  [query("DescribeInstances", "NextToken=%00"), "InvalidParameterValue"],
  [query("TerminateInstances"), "MissingParameter"],
  [query("RunInstances", "ImageId=ami-12345678"), "MissingParameter"],
  [query("RunInstances", "ImageId=ami-12345678&MinCount=0&MaxCount=1"), "InvalidParameterValue"],
  [query("CreateTags", "ResourceId.1=i-0123456789abcdef0"), "MissingParameter"],
])("%s is %s, 400 [M]", async (body, code) => {
  const lab = await startLab();
  expect(await call(lab, body)).toMatchObject({ status: 400, code });
});

test("a body over 4 MiB is refused and the next call is answered", async () => {
  const lab = await startLab();
  const refused = await call(lab, `A=${"x".repeat(5 * 2 ** 20)}`);
  expect(refused.status).toBe(413);
  expect((await call(lab, query("DescribeInstances"))).status).toBe(200);
});

test("every parameter that the SDK can send is either answered or ignored on purpose [V]", () => {
  const schemas = sdk as unknown as Record<string, unknown[]>;
  for (const [name, action] of ACTIONS) {
    const [, , , , members, types] = schemas[`${name}Request$`] as [0, 0, 0, 0, string[], unknown[]];
    const sent = members.map((member, index) => queryName(member, types[index]));
    const unknown = sent.filter((one) => !action.accepts.includes(one) && !action.ignores.includes(one));
    expect({ name, unknown }).toEqual({ name, unknown: [] });
    const invented = [...action.accepts, ...action.ignores].filter((one) => !sent.includes(one));
    expect({ name, invented }).toEqual({ name, invented: [] });
  }
});

test("whatever is sent, the answer is an AWS error and never a bug's 500", async () => {
  const lab = await startLab();
  const ids = await lab.launch({ MinCount: 3, MaxCount: 3 });
  const volumes = [...lab.sim.regions()[0]!.volumes.keys()];
  const name = fc.oneof(
    fc.constantFrom(...[...ACTIONS.values()].flatMap(({ accepts }) => accepts)),
    fc.constantFrom("__proto__", "toString", "0", ""),
  );
  const step = fc.oneof(
    fc.constantFrom("1", "2", "Name", "Value", "Ebs", "Tag", "Key", "SpotOptions", "x"),
    name,
  );
  const value = fc.oneof(
    fc.constantFrom(
      ...ids,
      ...volumes,
      "true",
      "0",
      "-1",
      "99999999999",
      "",
      "i-",
      "ami-12345678",
      "tag:",
      "*\\",
    ),
    fc.string(),
  );
  const parameter = fc.tuple(name, fc.array(step, { maxLength: 4 }), value);
  const request = fc.tuple(fc.constantFrom(...ACTIONS.keys()), fc.array(parameter, { maxLength: 6 }));
  await fc.assert(
    fc.asyncProperty(request, async ([action, parameters]) => {
      const body = new URLSearchParams([
        ["Action", action],
        ["Version", "2016-11-15"],
      ]);
      for (const [first, rest, text] of parameters) body.append([first, ...rest].join("."), text);
      const { status, text } = await call(lab, body.toString());
      expect(status).toBeLessThan(500);
      expect(text).toMatch(/^<\?xml/);
    }),
    { numRuns: 500 },
  );
});

test("whatever XML Route53 is sent, the answer is no bug's 500", async () => {
  const lab = await startLab();
  const authorization = SIGNED.replace("/ec2/", "/route53/");
  const tag = fc.constantFrom(
    "ChangeResourceRecordSetsRequest",
    "ChangeBatch",
    "Changes",
    "Change",
    "Action",
    "ResourceRecordSet",
    "Name",
    "Type",
    "TTL",
    "ResourceRecords",
    "ResourceRecord",
    "Value",
    "AliasTarget",
    "__proto__",
    "constructor",
    "x",
  );
  const { xml } = fc.letrec<{ xml: string }>((tie) => ({
    xml: fc.oneof(
      { depthSize: "medium" },
      fc.constantFrom(
        "CREATE",
        "A",
        "60",
        "10.0.0.1",
        "ws.sim.example",
        "",
        "&lt;",
        "&x;",
        "<",
        "<!DOCTYPE x []>",
      ),
      fc
        .tuple(tag, fc.array(tie("xml"), { maxLength: 4 }))
        .map(([name, inner]) => `<${name}>${inner.join("")}</${name}>`),
    ),
  }));
  await fc.assert(
    fc.asyncProperty(xml, async (inner) => {
      const body = `<ChangeResourceRecordSetsRequest>${inner}</ChangeResourceRecordSetsRequest>`;
      const url = `${lab.url}/2013-04-01/hostedzone/ZSIMULATOR/rrset`;
      const response = await fetch(url, { method: "POST", body, headers: { authorization } });
      expect(response.status).toBeLessThan(500);
      await response.text();
    }),
    { numRuns: 400 },
  );
});

function queryName(member: string, type: unknown): string {
  const traits: unknown = Array.isArray(type) ? type[1] : undefined;
  const { ec2QueryName, xmlName } = (typeof traits === "object" ? traits : {}) as Record<
    string,
    string | undefined
  >;
  const name = ec2QueryName ?? xmlName ?? member;
  return name.charAt(0).toUpperCase() + name.slice(1);
}
