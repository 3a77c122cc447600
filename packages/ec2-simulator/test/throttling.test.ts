import {
  DescribeInstancesCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { ListResourceRecordSetsCommand } from "@aws-sdk/client-route-53";
import { expect, test } from "vitest";
import { IMAGE, refusal, startLab, type Lab } from "./support/simulator.js";

/** How many of `count` concurrent calls got through. */
async function through(count: number, call: () => Promise<unknown>): Promise<number> {
  const results = await Promise.allSettled(Array.from({ length: count }, call));
  return results.filter(({ status }) => status === "fulfilled").length;
}

const filtered = { Filters: [{ Name: "tag:Name", Values: ["a"] }] };
const describe = ({ ec2 }: Lab, input = {}) => ec2.send(new DescribeInstancesCommand(input));

test("FACTS Throttling [D]: RunInstances has 5 tokens and gets 2 a second", async () => {
  const lab = await startLab({ buckets: true });
  expect(await through(12, () => lab.launch())).toBe(5);
  expect(await refusal(lab.launch())).toEqual({ code: "RequestLimitExceeded", status: 503 });
  lab.sim.advance(1_000);
  expect(await through(5, () => lab.launch())).toBe(2);
  lab.sim.advance(60_000);
  expect(await through(9, () => lab.launch())).toBe(5);
});

test("FACTS Throttling [D]: filtered or paginated describes have 100 tokens, others 50", async () => {
  const lab = await startLab({ buckets: true });
  expect(await through(130, () => describe(lab, filtered))).toBe(100);
  expect(await through(70, () => describe(lab))).toBe(50);
  lab.sim.advance(1_000);
  expect(await through(30, () => describe(lab, { MaxResults: 100 }))).toBe(20);
  expect(await through(30, () => describe(lab))).toBe(10);
});

test("FACTS Throttling [D]: resource tokens: 1,000 instances at once, then 2 a second", async () => {
  const lab = await startLab({ buckets: true });
  const many = { MinCount: 999, MaxCount: 999 };
  expect(await lab.launch(many)).toHaveLength(999);
  expect((await refusal(lab.launch({ MinCount: 2, MaxCount: 2 }))).code).toBe("RequestLimitExceeded");
  expect(await lab.launch()).toHaveLength(1);
  lab.sim.advance(5_000);
  expect((await refusal(lab.launch({ MinCount: 11, MaxCount: 11 }))).code).toBe("RequestLimitExceeded");
  expect(await lab.launch({ MinCount: 10, MaxCount: 10 })).toHaveLength(10);
});

test("FACTS Throttling [D]: TerminateInstances has 100 tokens and gets 5 a second, 20 instances a second", async () => {
  const lab = await startLab({ buckets: true });
  const ids = await lab.launch({ MinCount: 1_000, MaxCount: 1_000 });
  const end = (InstanceIds: string[]) => lab.ec2.send(new TerminateInstancesCommand({ InstanceIds }));
  await end(ids);
  expect((await refusal(end(ids.slice(0, 1)))).code).toBe("RequestLimitExceeded");
  lab.sim.advance(1_000);
  await end(ids.slice(0, 20));
  expect((await refusal(end(ids.slice(0, 1)))).code).toBe("RequestLimitExceeded");
});

test("FACTS Throttling [D]: buckets are per Region", async () => {
  const lab = await startLab({ buckets: true });
  await through(5, () => lab.launch());
  expect((await refusal(lab.launch())).code).toBe("RequestLimitExceeded");
  const elsewhere = lab.client({ region: "us-east-1" });
  const input = { ImageId: IMAGE, MinCount: 1, MaxCount: 1 };
  expect(await through(5, () => elsewhere.send(new RunInstancesCommand(input)))).toBe(5);
});

test("buckets can be scaled, and are off unless asked for", async () => {
  const scaled = await startLab({ buckets: { scale: 2 } });
  expect(await through(15, () => scaled.launch())).toBe(10);
  const off = await startLab();
  expect(await through(15, () => off.launch())).toBe(15);
});

test("Route53 takes five requests a second [M]", async () => {
  const { route53 } = await startLab({ buckets: true });
  const list = () => route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: "ZSIMULATOR" }));
  expect(await through(9, list)).toBe(5);
  expect(await refusal(list())).toEqual({ code: "Throttling", status: 400 });
});
