import {
  DescribeAvailabilityZonesCommand,
  DescribeSecurityGroupsCommand,
  DescribeInstancesCommand,
  DescribeInstanceStatusCommand,
  DescribeSubnetsCommand,
  paginateDescribeInstances,
  StopInstancesCommand,
  TerminateInstancesCommand,
  waitUntilInstanceExists,
  waitUntilInstanceRunning,
  waitUntilInstanceStatusOk,
  waitUntilInstanceStopped,
  waitUntilInstanceTerminated,
  type DescribeInstancesCommandInput,
  type EC2Client,
} from "@aws-sdk/client-ec2";
import { expect, test } from "vitest";
import { refusal, startLab } from "./support/simulator.js";

async function ids(ec2: EC2Client, input: DescribeInstancesCommandInput): Promise<string[]> {
  const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand(input));
  return Reservations.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId }) => InstanceId!));
}

const named = (name: string) => ({
  TagSpecifications: [{ ResourceType: "instance" as const, Tags: [{ Key: "Name", Value: name }] }],
});

test("FACTS Eventual consistency [D]: a new instance isn't known at once: NotFound by id, absent by filter", async () => {
  const { ec2, launch, sim } = await startLab({ delays: { visibility: 3_000 } });
  const [id] = await launch();
  expect(await refusal(ids(ec2, { InstanceIds: [id!] }))).toEqual({
    code: "InvalidInstanceID.NotFound",
    status: 400,
  });
  expect(await ids(ec2, { Filters: [{ Name: "instance-id", Values: [id!] }] })).toEqual([]);
  expect((await refusal(ec2.send(new TerminateInstancesCommand({ InstanceIds: [id!] })))).code).toBe(
    "InvalidInstanceID.NotFound",
  );
  sim.advance(3_000);
  expect(await ids(ec2, { InstanceIds: [id!] })).toEqual([id]);
});

test("FACTS Describe [D]: InstanceIds and MaxResults exclude each other; MaxResults is at most 1,000", async () => {
  const { ec2, launch } = await startLab();
  const [id] = await launch();
  expect((await refusal(ids(ec2, { InstanceIds: [id!], MaxResults: 10 }))).code).toBe(
    "InvalidParameterCombination",
  );
  expect((await refusal(ids(ec2, { MaxResults: 1_001 }))).code).toBe("InvalidParameterValue");
  expect((await refusal(ids(ec2, { MaxResults: 4 }))).code).toBe("InvalidParameterValue");
  expect(await ids(ec2, { MaxResults: 1_000 })).toEqual([id]);
});

test("FACTS Describe [D]: one unknown id fails a describe by ids, but not one by filter", async () => {
  const { ec2, launch } = await startLab();
  const [id] = await launch();
  const both = [id!, "i-0123456789abcdef0"];
  expect((await refusal(ids(ec2, { InstanceIds: both }))).code).toBe("InvalidInstanceID.NotFound");
  expect(await ids(ec2, { Filters: [{ Name: "instance-id", Values: both }] })).toEqual([id]);
});

test("FACTS Describe [D]: the paginator sees each instance once, over pages of 1,000", async () => {
  const { ec2, launch } = await startLab();
  const launched = new Set<string>();
  for (const count of [1_000, 1_000, 337])
    for (const id of await launch({ MinCount: count, MaxCount: count })) launched.add(id);
  const seen: string[] = [];
  const pages: number[] = [];
  for await (const page of paginateDescribeInstances({ client: ec2, pageSize: 1_000 }, {})) {
    const here = (page.Reservations ?? []).flatMap(({ Instances = [] }) => Instances);
    pages.push(here.length);
    seen.push(...here.map(({ InstanceId }) => InstanceId!));
  }
  expect(pages).toEqual([1_000, 1_000, 337]);
  expect(seen).toHaveLength(2_337);
  expect(new Set(seen)).toEqual(launched);
});

test("an instance that ends between two pages moves no other one out of the listing [M]", async () => {
  const { ec2, launch, sim } = await startLab({ delays: { terminatedVisible: 0, shuttingDown: 0 } });
  const all = await launch({ MinCount: 15, MaxCount: 15 });
  const first = await ec2.send(new DescribeInstancesCommand({ MaxResults: 5 }));
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: all.slice(0, 5) }));
  sim.advance(1);
  expect(await ids(ec2, { MaxResults: 10, NextToken: first.NextToken })).toEqual(all.slice(5));
});

test("a token that isn't one is InvalidNextToken, also that of another action [M]", async () => {
  const { ec2, launch } = await startLab();
  await launch({ MinCount: 6, MaxCount: 6 });
  const { NextToken } = await ec2.send(new DescribeInstancesCommand({ MaxResults: 5 }));
  expect((await refusal(ids(ec2, { NextToken: "nonsense" }))).code).toBe("InvalidNextToken");
  const status = ec2.send(new DescribeInstanceStatusCommand({ NextToken }));
  expect((await refusal(status)).code).toBe("InvalidNextToken");
});

test("filters match any of their values, all filters together, with * and ? and their escapes [D]", async () => {
  const { ec2, launch } = await startLab();
  const [a] = await launch(named("ws-alpha"));
  const [b] = await launch({ ...named("ws-beta"), InstanceType: "m5.large" });
  const [c] = await launch(named("ws-*"));
  const byName = (...Values: string[]) => ids(ec2, { Filters: [{ Name: "tag:Name", Values }] });
  expect(await byName("ws-alpha", "ws-beta")).toEqual([a, b]);
  expect(await byName("ws-*")).toEqual([a, b, c]);
  expect(await byName("ws-????")).toEqual([b]);
  expect(await byName("ws-\\*")).toEqual([c]);
  expect(await byName("WS-alpha")).toEqual([]);
  expect(await byName("s-alph")).toEqual([]);
  const both = [
    { Name: "tag-key", Values: ["Na*"] },
    { Name: "instance-type", Values: ["m5.*"] },
    { Name: "instance-state-name", Values: ["pending", "running"] },
  ];
  expect(await ids(ec2, { Filters: both })).toEqual([b]);
  expect(await ids(ec2, { Filters: [{ Name: "tag:Other", Values: ["*"] }] })).toEqual([]);
});

test("an unknown filter and more than 200 values are refused [M]", async () => {
  const { ec2 } = await startLab();
  const values = Array.from({ length: 201 }, (_, index) => `i-${String(index).padStart(17, "0")}`);
  expect((await refusal(ids(ec2, { Filters: [{ Name: "colour", Values: ["red"] }] }))).code).toBe(
    "InvalidParameterValue",
  );
  expect((await refusal(ids(ec2, { Filters: [{ Name: "instance-id", Values: values }] }))).code).toBe(
    "FilterLimitExceeded",
  );
});

test("FACTS States [D]: only the low byte of a state's code counts", async () => {
  const { ec2, launch } = await startLab({ stateCodeHighByte: 1 });
  const [id] = await launch();
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id!] }));
  const code = Reservations![0]!.Instances![0]!.State!.Code!;
  expect([code, code & 255]).toEqual([256, 0]);
});

test("FACTS Describe [D]: DescribeInstanceStatus shows running ones only, unless asked, and takes 100 ids", async () => {
  const { ec2, launch, sim, running } = await startLab({ delays: { statusChecks: 60_000 } });
  const up = await running();
  const [pending] = await launch();
  const status = async (more = {}) => {
    const { InstanceStatuses = [] } = await ec2.send(new DescribeInstanceStatusCommand(more));
    return InstanceStatuses.map(({ InstanceId, InstanceStatus }) => [InstanceId, InstanceStatus?.Status]);
  };
  expect(await status()).toEqual([[up, "initializing"]]);
  expect(await status({ IncludeAllInstances: true })).toEqual([
    [up, "initializing"],
    [pending, "not-applicable"],
  ]);
  sim.advance(60_000);
  expect(await status({ InstanceIds: [up] })).toEqual([[up, "ok"]]);
  const many = Array.from({ length: 101 }, (_, index) => `i-${String(index).padStart(17, "0")}`);
  expect((await refusal(status({ InstanceIds: many }))).code).toBe("InvalidParameterValue");
});

test("the SDK's waiters end as they do on AWS [M]", async () => {
  const { ec2, launch, sim } = await startLab({
    clock: "real",
    delays: { visibility: 40, pending: 120, stopping: 40, shuttingDown: 40 },
  });
  const InstanceIds = await launch();
  const waiter = { client: ec2, maxWaitTime: 20, minDelay: 0.02, maxDelay: 0.05 };
  await waitUntilInstanceExists(waiter, { InstanceIds });
  await waitUntilInstanceRunning(waiter, { InstanceIds });
  await waitUntilInstanceStatusOk(waiter, { InstanceIds });
  await ec2.send(new StopInstancesCommand({ InstanceIds }));
  await waitUntilInstanceStopped(waiter, { InstanceIds });
  await ec2.send(new TerminateInstancesCommand({ InstanceIds }));
  await waitUntilInstanceTerminated(waiter, { InstanceIds });
  expect(
    sim
      .transitions()
      .filter(({ id }) => id === InstanceIds[0])
      .map(({ to }) => to),
  ).toEqual(["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]);
});

test("zones and their default subnets can be found, and a launch goes where its subnet is [M]", async () => {
  const { ec2, launch } = await startLab();
  const { AvailabilityZones } = await ec2.send(new DescribeAvailabilityZonesCommand({}));
  expect(AvailabilityZones?.map(({ ZoneName, State, ZoneId }) => [ZoneName, State, ZoneId])).toEqual([
    ["eu-west-1a", "available", "euw1-az1"],
    ["eu-west-1b", "available", "euw1-az2"],
    ["eu-west-1c", "available", "euw1-az3"],
  ]);
  const { Subnets } = await ec2.send(
    new DescribeSubnetsCommand({ Filters: [{ Name: "availability-zone", Values: ["*b"] }] }),
  );
  expect(Subnets?.map(({ AvailabilityZone }) => AvailabilityZone)).toEqual(["eu-west-1b"]);
  const [id] = await launch({ SubnetId: Subnets![0]!.SubnetId });
  const inZone = { Filters: [{ Name: "availability-zone", Values: ["eu-west-1b"] }] };
  expect(await ids(ec2, inZone)).toEqual([id]);
});

test("each Region has its own instances", async () => {
  const { ec2, client, launch } = await startLab();
  const [id] = await launch();
  expect(await ids(ec2, {})).toEqual([id]);
  expect(await ids(client({ region: "us-east-1" }), {})).toEqual([]);
});

test("accounts by access key and Regions by signature keep apart, and each says which it is ([D] OwnerId, RegionName)", async () => {
  const { client } = await startLab({ accounts: { AKIASECOND: "222222222222" } });
  const told = async (key: string, region: string) => {
    const ec2 = client({ key, region });
    const { SecurityGroups = [] } = await ec2.send(
      new DescribeSecurityGroupsCommand({
        Filters: [{ Name: "group-name", Values: ["default"] }],
        MaxResults: 5,
      }),
    );
    const { AvailabilityZones = [] } = await ec2.send(new DescribeAvailabilityZonesCommand({}));
    return [
      SecurityGroups.map(({ OwnerId }) => OwnerId),
      [...new Set(AvailabilityZones.map(({ RegionName }) => RegionName))],
    ];
  };
  expect(await told("AKIAFIRST", "eu-west-1")).toEqual([["123456789012"], ["eu-west-1"]]);
  expect(await told("AKIASECOND", "eu-west-1")).toEqual([["222222222222"], ["eu-west-1"]]);
  expect(await told("AKIAFIRST", "us-east-1")).toEqual([["123456789012"], ["us-east-1"]]);
});
