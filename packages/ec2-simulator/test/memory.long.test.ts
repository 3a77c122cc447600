import { Agent, request } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { command } from "./support/command.js";

const COUNT = 100_000;
/**
 * Instances of one RunInstances. With 1, as platforms launch, each has a reservation and a token of its own,
 * and the run takes minutes: `SIM_INSTANCES_PER_CALL=1 npx vitest run packages/ec2-simulator/test/memory.long.test.ts`.
 */
const PER_CALL = Number(process.env["SIM_INSTANCES_PER_CALL"] ?? 10);
const SIGNED =
  "AWS4-HMAC-SHA256 Credential=AK/20260101/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=0";
const TAGS = ["berth:deployment", "berth:workspace", "berth:generation", "berth:resource", "Name"];

const agent = new Agent({ keepAlive: true, maxSockets: 20 });

function post(url: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", agent, headers: { authorization: SIGNED } }, (reply) => {
      let text = "";
      reply.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      reply.on("end", () => (reply.statusCode === 200 ? resolve(text) : reject(new Error(text))));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

function call(url: string, parameters: Record<string, string>): Promise<string> {
  return post(url, new URLSearchParams({ Version: "2016-11-15", ...parameters }).toString());
}

function launch(url: string, index: number): Promise<string> {
  const tags = TAGS.flatMap((key, at) => [
    [`TagSpecification.1.Tag.${at + 1}.Key`, key],
    [`TagSpecification.1.Tag.${at + 1}.Value`, `${key}-${index}`],
  ]);
  return call(url, {
    Action: "RunInstances",
    ImageId: "ami-0123456789abcdef0",
    InstanceType: "t3.micro",
    MinCount: String(PER_CALL),
    MaxCount: String(PER_CALL),
    ClientToken: `berth-launch-${index}`,
    "TagSpecification.1.ResourceType": "instance",
    ...(Object.fromEntries(tags) as Record<string, string>),
    UserData: Buffer.from(
      `#!/bin/sh\nexport WORKSPACE=${index}\n${"# set up the agent\n".repeat(40)}`,
    ).toString("base64"),
  });
}

test(`${COUNT} instances with tags, user-data, client tokens and root volumes fit in 500 MB`, async () => {
  onTestFinished(() => agent.destroy());
  const url = await command("--port", "0", "--clock", "virtual").url();
  let next = 0;
  const launchAll = async () => {
    while (next < COUNT) {
      const index = next;
      next += PER_CALL;
      await launch(url, index);
      if (index % 1_000 === 0) await post(`${url}/_sim/clock`, JSON.stringify({ advanceMs: 2_000 }));
    }
  };
  await Promise.all(Array.from({ length: 20 }, launchAll));
  let seen = 0;
  for (let token: string | undefined = ""; token !== undefined;) {
    const more: Record<string, string> = token === "" ? {} : { NextToken: token };
    const page = await call(url, { Action: "DescribeInstances", MaxResults: "1000", ...more });
    seen += page.split("<networkInterfaceSet>").length - 1;
    token = /<nextToken>(.*?)<\/nextToken>/.exec(page)?.[1];
  }
  const health = (await (await fetch(`${url}/_sim/health`)).json()) as { memory: { peakRss: number } };
  console.log(`${seen} instances, peak RSS ${Math.round(health.memory.peakRss / 1e6)} MB`);
  expect(seen).toBe(COUNT);
  expect(health.memory.peakRss).toBeLessThan(500e6);
}, 240_000);
